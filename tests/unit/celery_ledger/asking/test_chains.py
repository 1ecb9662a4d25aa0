"""A long chain is stored once, and its jobs refer to it."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from celery import signature
from django.db import connection

from celery_ledger.asking import chains
from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.canvas import chain, chord, step
from celery_ledger.models import Job, StoredChain
from celery_ledger.operations import retention
from celery_ledger.settling import continuation
from tests.rows import a_job
from tests.unit.celery_ledger import worker

pytestmark = pytest.mark.django_db


def a_chain(length):
    return chain(*(step("test.note", number) for number in range(length)))


def run_to_its_end():
    while waiting := Job.objects.filter(state="queued").order_by("seq"):
        for job in waiting:
            continuation.enqueue_next(str(job.pk), str(job.root_id), job.canvas, None)
            job.delete()
            yield job.args


def test_the_steps_of_a_long_chain_run_in_their_order():
    enqueue(a_chain(8))

    assert list(run_to_its_end()) == [[number] for number in range(8)]


def test_a_chain_of_a_thousand_steps_is_stored_once():
    enqueue(a_chain(1000))
    for _ in range(5):
        next(run_to_its_end())

    with connection.cursor() as cursor:
        cursor.execute("select sum(pg_column_size(canvas)) from celery_ledger_job")
        assert cursor.fetchone()[0] < 1000
    assert StoredChain.objects.count() == 1


def test_a_job_of_the_form_before_still_continues():
    rest = [
        json.loads(json.dumps(step("test.note", number).set(task_id=str(uuid4()))))
        for number in (5, 4, 3, 2, 1)
    ]
    a_job(name="test.note", args=[0], canvas={"chain": rest})

    assert list(run_to_its_end()) == [[number] for number in range(6)]


def test_steps_appended_behind_a_reference_come_first():
    enqueue(a_chain(6))
    [reference] = Job.objects.get().canvas["chain"]

    found, behind = chains.next_step([reference, step("test.note", "appended")])

    assert found["args"] == ("appended",)
    assert chains.next_step(behind)[0]["args"] == [1]
    assert chains.last_step(behind)["args"] == [5]
    assert [node["args"] for node in chains.all_steps(behind)] == [[5], [4], [3], [2], [1]]


@pytest.mark.django_db(transaction=True)
def test_a_job_inside_a_long_chain_may_be_replaced(effect_table):
    become = step("test.become", json.loads(json.dumps(signature("test.add", args=(1, 2)))))
    enqueue(chain(become, *(signature("test.note", args=(number,)) for number in range(5))))

    for _ in range(3):
        worker.deliver(Job.objects.get(state="queued").pk)

    assert list(Job.objects.filter(state="succeeded").order_by("seq").values_list("result", flat=True)) == [
        3,
        [3, 0],
    ]


def test_a_stored_chain_is_kept_as_long_as_a_job_of_its_family():
    job_id = enqueue(a_chain(8))
    with connection.cursor() as cursor:
        cursor.execute("update celery_ledger_chain set created_at = now() - interval '1 year'")

    retention.purge()
    assert StoredChain.objects.exists()
    Job.objects.exclude(pk=job_id).delete()
    retention.purge()

    assert not StoredChain.objects.exists()


VALUES = [datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), UUID(int=7), Decimal("1.10"), b"\x00bytes"]


@pytest.mark.usefixtures("end_of_heartbeat")
@pytest.mark.parametrize("length", [2, 8])
def test_values_beyond_json_keep_their_type_along_a_canvas(declare, length):
    seen = []

    def keep(*args):
        seen.append(list(args))
        return VALUES

    def fail_with(*_args):
        raise ValueError(*VALUES)

    keep, fail_with = declare(keep), declare(fail_with)
    canvas = chain(*(keep.si(*VALUES) for _ in range(length)))
    chord([canvas, keep.si()], keep.s(*VALUES)).apply_async(
        link=keep.s("callback", *VALUES), link_error=keep.s("unused")
    )
    failed = fail_with.apply_async(link_error=keep.s(*VALUES))

    while job := Job.objects.filter(state="queued").order_by("seq").first():
        worker.deliver(job.pk)

    assert seen.count(VALUES) == length
    assert [[VALUES, VALUES], *VALUES] in seen
    assert [VALUES, "callback", *VALUES] in seen
    assert [failed.id, *VALUES] in seen
    with pytest.raises(ValueError, match="Decimal") as raised:
        failed.get()
    assert list(raised.value.args) == VALUES
