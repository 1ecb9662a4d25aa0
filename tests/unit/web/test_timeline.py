from datetime import UTC, datetime, timedelta

import pytest

from web.timeline import timeline

START = datetime(2026, 1, 1, tzinfo=UTC)


def a_step(name="encode", began=None, ended=None, **more):
    def at(seconds):
        return None if seconds is None else (START + timedelta(seconds=seconds)).isoformat()

    return {"name": name, "state": "done", "progress": 100, "attempts": 1, **more} | {
        "started_at": at(began),
        "finished_at": at(ended),
    }


def test_bars_share_one_axis_so_that_side_by_side_is_seen():
    first, second, third = timeline(
        [a_step(began=0, ended=2), a_step(began=2, ended=10), a_step(began=2, ended=6)], START
    )

    assert (first.left_percent, first.width_percent) == (0, 20)
    assert (second.left_percent, second.width_percent) == (20, 80)
    assert (third.left_percent, third.width_percent) == (20, 40)
    assert second.seconds == 8


def test_a_step_that_runs_reaches_up_to_now():
    (row,) = timeline([a_step(began=0)], START + timedelta(seconds=5))

    assert row.seconds == 5


def test_a_step_that_has_not_begun_has_no_bar():
    (row,) = timeline([a_step()], START)

    assert (row.seconds, row.left_percent, row.width_percent) == (None, None, None)


def test_a_step_too_short_to_see_is_still_seen_and_stays_on_the_axis():
    _, row = timeline([a_step(began=0, ended=1000), a_step(began=1000, ended=1000)], START)

    assert row.width_percent == pytest.approx(0.8)
    assert row.left_percent + row.width_percent == pytest.approx(100)


def test_a_clock_that_was_set_back_makes_no_bar_of_negative_length():
    (row,) = timeline([a_step(began=10, ended=5)], START)

    assert row.seconds == 0


def test_a_step_has_a_title_and_a_new_one_its_name():
    known, new = timeline([a_step("subtitles"), a_step("sparkle")], START)

    assert (known.title, new.title) == ("Write the subtitles", "sparkle")
