"""Texts of others, made fit to be stored and shown."""

import pytest

from celery_ledger.values.texts import cut, printable, storable


def test_a_short_text_stays_as_it_is():
    assert cut("short", 5) == "short"


def test_a_long_text_keeps_both_ends_and_says_how_much_is_missing():
    text = cut("begin" + "x" * 3_000_000 + "end", 1000)

    assert len(text) == 1000
    assert text.startswith("begin")
    assert text.endswith("end")
    assert "2999008 characters cut" in text


def test_what_the_database_refuses_is_written_in_escapes():
    assert storable("a\x00b\udcff") == "a\\x00b\\udcff"


@pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_value_that_cannot_describe_itself_is_named(raised):
    class Hostile:
        def __str__(self):
            raise raised

    assert printable(Hostile(), str) == f"<Hostile: its str() raised {raised.__name__}>"
