"""Asking for a job."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
import structlog
from celery import current_app, signature
from celery.signals import before_task_publish
from django.db import transaction
from django.utils import timezone

from celery_ledger import control
from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.canvas import chain, chord, group, step
from celery_ledger.current import CurrentJob, running
from celery_ledger.errors import LedgerError, Undeclared
from celery_ledger.ledger import inserts
from celery_ledger.models import Chord, Job
from celery_ledger.settling import continuation
from celery_ledger.states import JobState
from tests.integration.stage import broker_of_this_process
from tests.unit.celery_ledger import worker

pytestmark = pytest.mark.django_db


def a_job_here(job_id):
    claimed = worker.claimed(job_id)
    return CurrentJob(
        claimed.id, claimed.name, claimed.queue, 1, 5, claimed.root_id, None, claimed.claim_token
    )


class Rollback(Exception):
    """Ends a transaction."""


def roll_back(asking):
    with suppress(Rollback), transaction.atomic():
        asking()
        raise Rollback


def test_a_job_is_a_row_with_all_that_its_task_says():
    job_id = enqueue("test.overrun")

    job = Job.objects.get(pk=job_id)
    assert (job.name, job.queue, job.state, job.max_attempts) == ("test.overrun", "maintenance", "queued", 1)
    assert (str(job.root_id), job.parent_id, job.attempts) == (job_id, None, 0)
    assert abs(timezone.now() - job.run_at) < timedelta(seconds=5)


@pytest.mark.parametrize(
    "asking",
    [
        lambda: enqueue("test.add", 1, 2),
        lambda: current_app.tasks["test.add"].delay(1, 2),
        lambda: current_app.tasks["test.add"].apply_async((1, 2)),
        lambda: current_app.send_task("test.add", args=[1, 2]),
        lambda: signature("test.add", args=(1, 2)).apply_async(),
    ],
)
def test_every_way_of_asking_writes_the_same_row_and_none_after_a_rollback(asking):
    roll_back(asking)
    assert not Job.objects.exists()

    asking()

    job = Job.objects.get()
    assert (job.name, job.queue, job.args, job.kwargs) == ("test.add", "maintenance", [1, 2], {})


def test_a_canvas_is_written_whole_or_not_at_all():
    canvas = chord([step("test.add", 1, 2), step("test.add", float("nan"), 1)], signature("test.total"))

    with pytest.raises(TypeError):
        enqueue(canvas)

    assert not Job.objects.exists()
    assert not Chord.objects.exists()


@pytest.mark.parametrize(
    "canvas",
    [
        pytest.param("test.unknown", id="a name"),
        pytest.param(chain(step("test.add", 1, 2), step("test.unknown")), id="the end of a chain"),
        pytest.param(chord([step("test.unknown")], step("test.note")), id="a part"),
        pytest.param(chord([step("test.note")], step("test.unknown")), id="a body"),
        pytest.param(
            chord([step("test.note")], chain(step("test.note"), step("test.unknown"))), id="a body's end"
        ),
        pytest.param(
            group(step("test.note"), chain(step("test.note"), step("test.unknown"))), id="inside a group"
        ),
        pytest.param(step("test.note").on_error(step("test.unknown")), id="an errback"),
        pytest.param(
            step("test.note").on_error(chain(step("test.note"), step("test.unknown"))), id="behind an errback"
        ),
        pytest.param(
            chord([step("test.note")], step("test.note").on_error(step("test.unknown"))),
            id="a body's errback",
        ),
    ],
)
def test_a_name_that_nobody_declared_is_refused_wherever_it_stands(canvas):
    with pytest.raises(Undeclared, match=r"test\.unknown"):
        enqueue(canvas)

    assert not Job.objects.exists()


@pytest.mark.parametrize(
    "asking",
    [
        pytest.param(lambda: enqueue("test.add", 1), id="too few"),
        pytest.param(lambda: enqueue("test.add", 1, 2, 3), id="too many"),
        pytest.param(lambda: enqueue("test.add", kwargs={"x": 1, "z": 2}), id="another name"),
        pytest.param(
            lambda: enqueue(chain(step("test.note"), signature("test.add"))), id="too few with the result"
        ),
        pytest.param(
            lambda: enqueue(chain(step("test.note"), step("test.add", 1))), id="a step gets no result"
        ),
        pytest.param(
            lambda: enqueue(chain(step("test.note"), signature("test.add", args=(1, 2)))),
            id="too many with the result",
        ),
        pytest.param(
            lambda: enqueue(chord([step("test.note")], step("test.total"))), id="a body without results"
        ),
        pytest.param(
            lambda: enqueue(chain(step("test.note"), group(signature("test.add")), signature("test.total"))),
            id="a part behind a step",
        ),
        pytest.param(
            lambda: enqueue(step("test.note").on_error(signature("test.add"))), id="an errback with the id"
        ),
    ],
)
def test_wrong_arguments_are_refused_wherever_they_stand(asking):
    with pytest.raises(TypeError, match="argument"):
        asking()

    assert not Job.objects.exists()


@pytest.mark.parametrize("errback", [signature("test.add"), step("test.add")])
def test_an_errback_whose_parameters_are_not_a_failure_is_refused(errback):
    with pytest.raises(TypeError, match=r"test\.add: .* argument"):
        enqueue(step("test.note").on_error(errback))


@pytest.mark.parametrize(
    "value",
    [
        {1, 2},
        object(),
        float("nan"),
        float("inf"),
        [{"deep": {1}}],
        "a\x00b",
        {"a\x00b": 1},
        "\udcff",
        {"__type__": "nobody's", "__value__": 1},
    ],
)
@pytest.mark.parametrize(
    "asking",
    [
        pytest.param(lambda value: enqueue("test.note", value), id="by name"),
        pytest.param(lambda value: enqueue(step("test.note", value)), id="a step"),
        pytest.param(
            lambda value: enqueue(chain(step("test.note"), step("test.note", value))), id="in a chain"
        ),
    ],
)
def test_a_value_that_no_json_can_hold_is_refused_before_any_sql(asking, value, django_assert_num_queries):
    with django_assert_num_queries(0), pytest.raises(TypeError):
        asking(value)


def test_plain_values_come_back_as_they_were():
    values = [1, 1.5, "ä", True, None, [1, [2]], {"a": {"b": []}}]

    job_id = enqueue("test.note", *values)

    assert worker.claimed(job_id).args == values


MOMENT = datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (MOMENT, MOMENT),
        (MOMENT.date(), MOMENT.date()),
        (MOMENT.time(), MOMENT.time()),
        (UUID(int=7), UUID(int=7)),
        (Decimal("1.10"), Decimal("1.10")),
        (b"bytes", b"bytes"),
        (b"\xff\x00", b"\xff\x00"),
        (b"a\x00b", b"a\x00b"),
        ((1, (2,)), [1, [2]]),
        ({1: "a"}, {"1": "a"}),
        ([{"deep": MOMENT}], [{"deep": MOMENT}]),
        ("a text about \\u0000 and \\ud800", "a text about \\u0000 and \\ud800"),
        ("\U0001f600", "\U0001f600"),
    ],
)
@pytest.mark.parametrize(
    "asking",
    [
        pytest.param(lambda value: enqueue("test.note", value), id="by name"),
        pytest.param(lambda value: enqueue(step("test.note", value)), id="a step"),
        pytest.param(
            lambda value: enqueue(chain(step("test.note", value), step("test.note"))), id="in a chain"
        ),
    ],
)
def test_an_argument_arrives_as_celerys_json_would_bring_it(asking, value, expected):
    asking(value)

    assert worker.claimed(Job.objects.get().pk).args == [expected]


def test_the_guides_own_form_of_starmap_is_taken():
    current_app.tasks["test.add"].starmap(zip([1, 2], [3, 4], strict=True)).delay()

    assert worker.claimed(Job.objects.get().pk).kwargs["it"] == [[1, 3], [2, 4]]


def test_a_unique_key_gives_the_first_jobs_id_to_whoever_asks_again():
    first = enqueue("test.note", 1, unique_key="k")
    second = enqueue("test.note", 2, unique_key="k")

    assert second == first
    assert [job.args for job in Job.objects.all()] == [[1]]


def test_a_chain_with_a_unique_key_is_kept_once():
    for _ in range(2):
        enqueue(chain(step("test.note", 1), step("test.note", 2)), unique_key="k")

    assert Job.objects.count() == 1


def test_a_canvas_that_begins_with_several_jobs_cannot_have_a_unique_key():
    with pytest.raises(TypeError, match="one job"):
        enqueue(group(step("test.note", 1), step("test.note", 2)), unique_key="k")


def test_a_delay_makes_the_job_scheduled_by_the_databases_clock():
    job_id = enqueue("test.note", delay_seconds=60)

    job = Job.objects.get(pk=job_id)
    assert job.state == JobState.SCHEDULED
    assert timedelta(seconds=55) < job.run_at - timezone.now() < timedelta(seconds=61)


@pytest.mark.parametrize(
    "canvas",
    [
        group(step("test.note", 1), step("test.note", 2)),
        chord([step("test.note", 1)], signature("test.note")),
    ],
)
def test_a_delay_holds_what_a_canvas_begins_with(canvas):
    enqueue(canvas, delay_seconds=60)

    assert set(Job.objects.values_list("state", flat=True)) == {"scheduled"}


@pytest.mark.parametrize("moment", [datetime(2100, 1, 1, tzinfo=UTC), "2100-01-01T00:00:00+00:00"])
def test_a_due_time_of_celerys_is_a_column_and_not_in_the_message(moment):
    current_app.send_task("test.note", eta=moment)

    job = Job.objects.get()
    assert (job.state, job.run_at) == ("scheduled", datetime(2100, 1, 1, tzinfo=UTC))
    assert job.headers["eta"] is None


@pytest.mark.parametrize(("minutes", "state"), [(1, "scheduled"), (-60, "queued")])
def test_a_moment_to_come_is_waited_for_and_a_past_one_is_now(minutes, state):
    moment = timezone.now() + timedelta(minutes=minutes)

    job = Job.objects.get(pk=enqueue("test.note", run_at=moment))

    assert job.state == state
    assert abs(job.run_at - max(moment, timezone.now())) < timedelta(seconds=5)


@pytest.mark.parametrize(
    "asking",
    [
        lambda expires: current_app.tasks["test.note"].apply_async(expires=expires),
        lambda expires: current_app.send_task("test.note", expires=expires),
        lambda expires: signature("test.note").set(expires=expires).delay(),
        lambda expires: enqueue(chain(step("test.note").set(expires=expires), step("test.note"))),
        lambda expires: enqueue(group(step("test.note").set(expires=expires))),
    ],
)
@pytest.mark.parametrize(
    "expires",
    [60, 60.0, timezone.now() + timedelta(seconds=60), (timezone.now() + timedelta(seconds=60)).isoformat()],
    ids=["seconds", "fractions", "a moment", "its text"],
)
def test_an_expiry_is_a_column(asking, expires):
    asking(expires)

    job = Job.objects.get()
    assert timedelta(0) < job.expires_at - timezone.now() < timedelta(seconds=61)
    assert job.headers["expires"] is None


def test_a_later_step_expires_from_when_it_is_enqueued():
    enqueue(chain(step("test.note"), step("test.add", 1, 2).set(expires=60)))
    assert Job.objects.get().expires_at is None

    job = Job.objects.get()
    continuation.enqueue_next(str(job.pk), str(job.root_id), job.canvas, None)

    assert Job.objects.get(name="test.add").expires_at - timezone.now() > timedelta(seconds=50)


def test_an_expiry_of_another_kind_is_refused():
    with pytest.raises(TypeError, match="expires must be"):
        current_app.send_task("test.note", expires=["soon"])


@pytest.mark.parametrize("canvas", [chain(), group()])
def test_an_empty_canvas_is_refused(canvas):
    with pytest.raises(TypeError, match="has no job"):
        enqueue(canvas)


def test_a_task_id_that_belongs_to_another_call_is_refused():
    task_id = "5f6b2a3e-0000-4000-8000-000000000002"
    note = current_app.tasks["test.note"]
    note.apply_async((1,), task_id=task_id)

    assert note.apply_async((1,), task_id=task_id).id == task_id
    with pytest.raises(LedgerError, match="belongs to another call"):
        note.apply_async((2,), task_id=task_id)
    assert Job.objects.count() == 1


def test_a_part_with_the_id_of_another_groups_part_is_refused():
    part = step("test.add", 1, 2)
    part.freeze()
    chord([part], signature("test.note")).delay()

    with pytest.raises(LedgerError, match="belongs to another call"):
        chord([part, step("test.add", 3, 4)], signature("test.note")).delay()

    assert Job.objects.get().args == [1, 2]


def test_a_first_step_with_the_id_of_another_chains_is_refused():
    first = step("test.add", 1, 2)
    first.freeze()
    chain(first, signature("test.note")).delay()

    with pytest.raises(LedgerError, match="belongs to another call"):
        chain(first, signature("test.note")).delay()

    assert Job.objects.count() == 1


@pytest.mark.parametrize("steps", [2, 6])
def test_a_chain_whose_ids_are_all_fixed_is_one_call_however_often_it_is_asked_for(steps):
    canvas = chain(step("test.add", 1, number).set(task_id=str(uuid4())) for number in range(steps))

    assert canvas.delay().id == canvas.delay().id

    assert Job.objects.count() == 1


def test_a_frozen_chord_is_one_call_however_often_it_is_asked_for():
    canvas = chord([step("test.add", 1, 2), step("test.add", 3, 4)], signature("test.note"))
    canvas.freeze()

    assert canvas.delay().id == canvas.delay().id

    assert (Job.objects.count(), Chord.objects.count()) == (2, 1)


def test_a_large_group_is_a_few_statements(django_assert_max_num_queries):
    canvas = group(step("test.note", number) for number in range(1500))

    with django_assert_max_num_queries(6):
        canvas.delay()

    assert Job.objects.count() == 1500


def test_a_group_with_a_part_that_is_refused_writes_none_of_them():
    with pytest.raises(TypeError):
        group(step("test.note", 1), step("test.add", 1)).delay()

    assert not Job.objects.exists()


@pytest.mark.parametrize(("broker", "rank"), [("redis://x", 3), ("amqp://x", -3), ("sqs://x", -3)])
def test_a_priority_has_the_direction_of_the_broker_in_use(broker, rank):
    with broker_of_this_process(broker):
        current_app.tasks["test.note"].apply_async(priority=3)

    assert Job.objects.get().priority == rank


def test_a_priority_out_of_range_is_refused():
    with pytest.raises(ValueError, match="0 to 255"):
        current_app.tasks["test.note"].apply_async(priority=256)


def test_a_repeated_attempt_asks_for_the_same_jobs_and_so_for_none():
    parent = a_job_here(enqueue("test.note"))
    before = Job.objects.count()

    def ask():
        enqueue("test.note", "plain")
        enqueue("test.note", "plain")
        enqueue(chain(step("test.note", 1), step("test.note", 2)))
        enqueue(group(step("test.note", 1), step("test.note", 2)))
        enqueue(chord([step("test.note", 1), step("test.note", 2)], signature("test.note")))

    for _ in range(2):
        parent._calls = iter(range(100))
        with running(parent):
            ask()

    assert Job.objects.count() - before == 2 + 1 + 2 + 2


@pytest.mark.parametrize(
    "canvas",
    [
        group(step("test.note", 1), step("test.note", 2)),
        chord([step("test.note", 1), step("test.note", 2)], signature("test.note")),
        chain(group(step("test.note", 1), step("test.note", 2)), signature("test.note")),
    ],
)
def test_all_that_a_canvas_begins_with_has_one_root(canvas):
    enqueue(canvas)

    roots = set(Job.objects.values_list("root_id", flat=True))
    assert len(roots) == 1
    assert roots <= set(Job.objects.values_list("pk", flat=True))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("apart", "state"), [(False, JobState.CANCELLED), (True, JobState.QUEUED)])
def test_a_job_apart_is_left_alone_where_its_askers_family_is_cancelled(apart, state):
    asker = enqueue("test.ask", apart)
    asked = worker.deliver(asker)

    control.cancel_tree(asker)

    job = Job.objects.get(pk=asked)
    assert job.state == state
    assert str(job.root_id) == (asked if apart else asker)


def test_a_job_apart_is_asked_for_once_by_a_repeated_attempt():
    parent = a_job_here(enqueue("test.note"))

    asked = set()
    for _ in range(2):
        parent._calls = iter(range(100))
        with running(parent):
            asked.add(enqueue("test.note", "plain", apart=True))

    assert len(asked) == 1
    assert Job.objects.filter(pk__in=asked).count() == 1


def test_a_canvas_is_not_asked_for_apart():
    with pytest.raises(TypeError, match="family"):
        enqueue(chain(step("test.note", 1), step("test.note", 2)), apart=True)


def test_a_canvas_may_be_asked_for_twice():
    canvas = chord([step("test.note", 1)], signature("test.note"))

    assert enqueue(canvas) != enqueue(canvas)
    assert Job.objects.count() == 2


def test_the_askers_request_is_remembered():
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        job_id = enqueue("test.note")

    assert Job.objects.get(pk=job_id).request_id == "r-1"


def test_what_others_put_into_the_headers_is_the_askers():
    def mark(headers, **_):
        headers["trace"] = "t-1"

    before_task_publish.connect(mark)
    try:
        job_id = enqueue("test.note")
    finally:
        before_task_publish.disconnect(mark)

    assert Job.objects.get(pk=job_id).headers["trace"] == "t-1"


def test_a_part_of_a_header_does_not_carry_the_body():
    enqueue(chord([step("test.note", 1)], signature("test.note", args=("x" * 1000,))))

    assert Job.objects.get().canvas == {"chord": True}
    assert Chord.objects.get().size == 1


@pytest.mark.django_db
def test_headers_too_large_for_a_message_are_refused_where_they_are_given():
    with pytest.raises(LedgerError, match="32768 at most"):
        current_app.send_task("test.note", args=("x",), headers={"note": "x" * 40_000})

    assert not Job.objects.exists()


def test_a_job_that_is_due_in_sixty_years_does_not_wait_for_a_replacement():
    task = current_app.tasks["test.note"]
    job_id = task.apply_async(("first",), countdown=60 * 366 * 86400).id

    with pytest.raises(LedgerError, match="belongs to another call"):
        task.apply_async(("second",), task_id=job_id)
    inserts.bury_awaiting([job_id], "not this one")

    row = Job.objects.get()
    assert (row.state, row.args) == ("scheduled", ["first"])
