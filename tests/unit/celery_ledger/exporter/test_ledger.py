"""The ledger's metrics, and a database that does not answer."""

import threading
import time

import pytest
from django.db import OperationalError, connection
from prometheus_client import CollectorRegistry

from celery_ledger.exporter.ledger import Ledger, Reader, Reading
from celery_ledger.exporter.sources import Sources
from celery_ledger.operations.listing import Tally
from celery_ledger.operations.metrics import Backlog
from celery_ledger.states import JobState
from tests.rows import a_job

TASKS = {"a.b": "mail"}


def values(reading, **options):
    registry = CollectorRegistry()
    registry.register(Ledger(lambda: reading, TASKS, **options))
    return registry.get_sample_value


def a_reader(sources=None, on_reading=lambda _reading: None):
    return Reader(["mail", "push"], sources or Sources(["ledger"]), on_reading)


def test_every_declared_task_has_series_at_zero():
    value = values(Reading())

    assert value("offstage_jobs", {"name": "a.b", "queue": "mail", "state": "dead"}) == 0
    assert value("offstage_job_attempts_total", {"name": "a.b", "outcome": "bug"}) == 0
    assert value("offstage_outbox_unpublished") == 0


def test_a_reading_is_shown_by_name_queue_and_state():
    reading = Reading(
        live=[Tally("a.b", "mail", "dead", 3)],
        settled=[Tally("a.b", "mail", "succeeded", 7)],
        backlogs=[Backlog("mail", 12.5, 4, 2), Backlog("push", 0.0, 1, 0)],
        attempts={("a.b", "succeeded"): 9},
        refused_entries=2,
    )

    value = values(reading)

    assert value("offstage_jobs", {"name": "a.b", "queue": "mail", "state": "dead"}) == 3
    assert value("offstage_jobs", {"name": "a.b", "queue": "mail", "state": "succeeded"}) == 7
    assert value("offstage_job_attempts_total", {"name": "a.b", "outcome": "succeeded"}) == 9
    assert value("offstage_oldest_due_job_seconds", {"queue": "mail"}) == 12.5
    assert value("offstage_outbox_unpublished") == 5
    assert value("offstage_beat_entries_refused") == 2
    assert value("celery_queue_length", {"queue_name": "mail"}) is None


def test_the_ledger_counts_queues_where_the_broker_cannot():
    value = values(Reading(backlogs=[Backlog("mail", 0.0, 4, 2)]), counts_queues=True)

    assert value("celery_queue_length", {"queue_name": "mail"}) == 2


@pytest.mark.django_db
def test_a_reading_is_read_from_the_ledger():
    a_job(JobState.DEAD, "a.b")
    a_job(JobState.SUCCEEDED, "a.b")
    a_job(JobState.RUNNING, worker="w@h/1")
    seen: list[Reading] = []
    sources = Sources(["ledger"])

    a_reader(sources, seen.append).read()

    (reading,) = seen
    assert Tally("a.b", "mail", "dead", 1) in reading.live
    assert reading.settled == [Tally("a.b", "mail", "succeeded", 1)]
    assert [backlog.queue for backlog in reading.backlogs] == ["mail", "push"]
    assert reading.attempts == {("a.b", "succeeded"): 1}
    assert reading.active == {"w@h/1": 1}
    assert sources.states() == {"ledger": True}


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_leaves_the_last_reading_and_is_said_to_be_down():
    a_job(JobState.DEAD, "a.b")
    seen: list[Reading] = []
    sources = Sources(["ledger"])
    reader = a_reader(sources, seen.append)
    reader.read()
    a_job(JobState.DEAD, "a.b")

    def refuse(*_arguments):
        raise OperationalError("the server is gone")

    with connection.execute_wrapper(refuse):
        reader.read()
    down = sources.states()
    reader.read()

    assert [sum(row.count for row in reading.live) for reading in seen] == [1, 1, 2]
    assert (down, sources.states()) == ({"ledger": False}, {"ledger": True})


@pytest.mark.django_db
def test_no_statement_may_take_long():
    sent = []

    def note(execute, statement, parameters, many, context):
        sent.append((statement, parameters))
        return execute(statement, parameters, many, context)

    with connection.execute_wrapper(note):
        a_reader().read()

    limits = [parameters for statement, parameters in sent if "statement_timeout" in statement]
    assert limits == [["2s"], ["60s"], ["2s"]]


@pytest.mark.django_db
def test_settled_jobs_are_not_counted_at_every_scrape():
    reader = a_reader()
    seen: list[Reading] = []
    reader._on_reading = seen.append
    reader.read()
    a_job(JobState.SUCCEEDED, "a.b")

    reader.read()

    assert [len(reading.settled) for reading in seen] == [0, 0]
    assert seen[1].attempts == {("a.b", "succeeded"): 1}


def test_a_scrape_does_not_wait_for_a_reading_that_hangs():
    reader, hangs = a_reader(), threading.Event()
    reader.read = hangs.wait
    threading.Thread(target=reader.run, daemon=True).start()

    began = time.monotonic()
    reading = reader.fresh(patience_seconds=0.2)

    assert reading == Reading()
    assert time.monotonic() - began < 2
    # Left waiting on purpose, as the exporter would: the thread is a daemon.


def test_a_scrape_gets_a_reading_that_began_after_it():
    reader = a_reader()
    readings: list[None] = []

    def read():
        readings.append(None)
        reader._reading = Reading(active={"n": len(readings)})

    reader.read = read
    threading.Thread(target=reader.run, daemon=True).start()

    first, second = reader.fresh(5).active["n"], reader.fresh(5).active["n"]

    assert second > first
