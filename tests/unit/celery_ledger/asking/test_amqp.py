"""The one door: whatever way a task is asked for, a row is written and the broker is not spoken to."""

import pytest
from celery import Task, current_app, signature
from celery.signals import after_task_publish

from celery_ledger.canvas import chain, chord, group
from celery_ledger.errors import LedgerError
from celery_ledger.models import Job

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(20), pytest.mark.usefixtures("unheard_broker")]


@pytest.fixture(autouse=True, scope="module")
def foreign():
    """A task that no `@job` line declares, as long as these tests last."""

    @current_app.task(base=Task, name="test.foreign")
    def echo(x):
        return x

    yield echo
    del current_app.tasks["test.foreign"]


def add(*numbers):
    return signature("test.add", args=numbers)


WAYS = {
    "delay": lambda: current_app.tasks["test.add"].delay(1, 2),
    "apply_async": lambda: current_app.tasks["test.add"].apply_async((1, 2)),
    "send_task": lambda: current_app.send_task("test.add", args=[1, 2]),
    "a signature": lambda: add(1, 2).apply_async(),
    "a task of a foreign base": lambda: current_app.tasks["test.foreign"].delay(1),
    "a foreign one by name": lambda: current_app.send_task("test.foreign", args=[1]),
    "chain": lambda: chain(add(1, 2), add(3)).apply_async(),
    "group": lambda: group(add(1, 2), add(3, 4)).apply_async(),
    "chord": lambda: chord([add(1, 2), add(3, 4)], signature("test.total")).apply_async(),
    "chord by call": lambda: chord([add(1, 2), add(3, 4)])(signature("test.total")),
    "chunks": lambda: current_app.tasks["test.add"].chunks([[1, 2], [3, 4]], 1).apply_async(),
    "starmap": lambda: current_app.tasks["test.add"].starmap([[1, 2], [3, 4]]).apply_async(),
}


@pytest.mark.parametrize("ask", WAYS.values(), ids=WAYS)
def test_every_way_to_ask_writes_a_row_and_leaves_the_broker_alone(ask):
    ask()

    assert Job.objects.filter(state="queued").exists()


def test_receivers_learn_of_a_written_job_as_celery_tells_them_of_a_published_one():
    seen = []

    def note(sender, headers, routing_key, **_):
        seen.append((sender, headers["id"], routing_key))

    after_task_publish.connect(note)
    try:
        job_id = current_app.tasks["test.add"].delay(1, 2).id
    finally:
        after_task_publish.disconnect(note)

    assert seen == [("test.add", job_id, "maintenance")]


def test_an_option_that_the_message_would_lose_is_refused_by_name():
    lost, without_effect = {"app_id": "1234"}, {"retry": False, "delivery_mode": 1}
    task = current_app.tasks["test.add"]

    with pytest.raises(LedgerError, match="'app_id' is not known"):
        task.apply_async((1, 2), **lost)

    task.apply_async((1, 2), **without_effect)
    assert Job.objects.count() == 1


def test_a_caller_may_hide_arguments_from_logs_and_monitors():
    task = current_app.tasks["test.add"]
    hidden = {"argsrepr": "(1, <secret>)", "kwargsrepr": "{}"}

    task.apply_async((1, 2), **hidden)
    task.s(1, 2).set(**hidden).delay()

    shown = [headers["argsrepr"] for headers in Job.objects.values_list("headers", flat=True)]
    assert shown == ["(1, <secret>)"] * 2


def test_a_task_that_runs_functions_of_other_names_has_jobs_of_those_names():
    sent = current_app.send_task(
        "test.add", args=[1, 2], job_name="shop.add", rank=-7, max_attempts=2, shadow="shop.add"
    )

    job = Job.objects.get(pk=sent.id)
    assert (job.name, job.headers["task"], job.headers["shadow"]) == ("shop.add", "test.add", "shop.add")
    assert (job.priority, job.max_attempts) == (-7, 2)


def test_an_errback_may_be_told_to_the_parts_of_a_chord():
    current_app.conf.task_allow_error_cb_on_chord_header = True
    try:
        chord([add(1, 2), add(3, 4)], signature("test.total")).on_error(signature("test.note")).delay()
    finally:
        current_app.conf.task_allow_error_cb_on_chord_header = False

    for job in Job.objects.all():
        [errback] = job.canvas["errbacks"]
        signature(errback).apply_async((str(job.pk),))
    assert Job.objects.filter(name="test.note").count() == 2


def test_a_shadow_limits_and_stamps_of_a_call_are_in_the_headers():
    call = add(1, 2)
    call.stamp(tenant="7")

    call.apply_async(shadow="sum", soft_time_limit=3, time_limit=5)

    headers = Job.objects.get().headers
    assert (headers["shadow"], headers["timelimit"]) == ("sum", [5, 3])
    assert (headers["stamped_headers"], headers["stamps"]) == (["tenant"], {"tenant": "7"})


def test_a_delay_on_commit_writes_its_row_after_the_commit(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        current_app.tasks["test.add"].delay_on_commit(1, 2)
        assert not Job.objects.exists()

    assert Job.objects.get().args == [1, 2]
