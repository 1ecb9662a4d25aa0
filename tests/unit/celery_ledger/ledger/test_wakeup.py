"""Relays are woken after a commit, by a session of its own."""

import os
import threading
import time
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.ledger import due_jobs, wakeup

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def heard(other):
    """Returns how many notifications came within the seconds."""

    def listen():
        with connection.cursor() as cursor:
            cursor.execute(f"listen {due_jobs.CHANNEL}")

    other(listen)
    return lambda seconds: other(
        lambda: len(list(connection.connection.notifies(timeout=seconds, stop_after=1)))
    )


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "wakeup"]


@contextmanager
def statements():
    seen = []

    def see(execute, statement, *rest):
        seen.append(statement)
        return execute(statement, *rest)

    with connection.execute_wrapper(see):
        yield seen


def test_a_listener_is_woken_when_the_job_is_committed(heard):
    with transaction.atomic():
        enqueue("test.note")
        assert heard(0.1) == 0

    assert heard(5) == 1


def test_a_transaction_that_is_rolled_back_wakes_nobody(heard):
    with transaction.atomic():
        enqueue("test.note")
        transaction.set_rollback(True)

    assert heard(0.2) == 0


def test_the_callers_own_session_notifies_nobody():
    with statements() as seen:
        enqueue("test.note")
        wakeup.flush()

    assert not [statement for statement in seen if "notify" in statement]


def test_many_commits_are_a_few_notifications(other, heard):
    for _ in range(50):
        enqueue("test.note")
    wakeup.flush()

    assert 1 <= heard(0.5) < 50


@pytest.mark.parametrize(
    ("seconds", "gap"), [(0.0003, wakeup.GAP_SECONDS), (0.004, 0.04), (3.0, wakeup.MAX_GAP_SECONDS)]
)
def test_where_notifying_takes_long_it_is_done_less_often(seconds, gap):
    assert wakeup.gap_after(seconds) == pytest.approx(gap)


def test_a_slow_notification_is_shared_by_the_commits_of_a_longer_time(monkeypatch):
    sent, never = [], threading.Event()

    def notify():
        sent.append(time.monotonic())
        never.wait(0.05)

    monkeypatch.setattr(due_jobs, "notify_relays", notify)
    until = time.monotonic() + 1.2

    while time.monotonic() < until:
        enqueue("test.note")

    # At once, and about every half second. With the gap of an idle machine it was 17 times.
    assert 2 <= len(sent) <= 5


def test_a_process_that_ends_does_not_wait_for_its_gap(heard, monkeypatch):
    monkeypatch.setattr(wakeup, "GAP_SECONDS", 30.0)
    monkeypatch.setattr(wakeup, "MAX_GAP_SECONDS", 30.0)
    enqueue("test.note")
    assert heard(5) == 1

    enqueue("test.note")
    wakeup.flush()

    assert heard(2) == 1


def test_a_session_that_was_cut_does_not_raise_into_the_caller(heard):
    enqueue("test.note")
    heard(5)
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and query like '%%pg_notify%%' and pid <> pg_backend_pid()"
        )

    for _ in range(3):
        enqueue("test.note")
        wakeup.flush()

    assert heard(5)


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_a_thread_of_its_own(heard):
    enqueue("test.note")
    wakeup.flush()
    heard(1)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        connection.connection = None
        enqueue("test.note")
        wakeup.flush()
        os.write(writer, str(len(threads())).encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reader, 1) == b"1"
    assert heard(5) == 1


def test_the_parent_of_a_pool_notifies_without_a_thread(heard):
    wakeup.stop()
    wakeup._forbid_threads()
    try:
        enqueue("test.note")
    finally:
        wakeup._allow_threads()

    assert threads() == []
    assert heard(5) == 1
