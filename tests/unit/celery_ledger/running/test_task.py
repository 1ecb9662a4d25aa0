"""A run of a job, top to bottom, in this process."""

from uuid import uuid4

import psycopg
import pytest
from celery.exceptions import Ignore, Retry
from django.db import connection
from structlog.testing import capture_logs

from celery_ledger import control
from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.canvas import step
from celery_ledger.current import current_job
from celery_ledger.declare import job
from celery_ledger.errors import Permanent, Transient
from celery_ledger.models import Job
from celery_ledger.running import heartbeat, limits
from tests.integration.testtasks import effects
from tests.unit.celery_ledger.worker import claimed, deliver

# The start of a run lets go of old connections, and would end the test's transaction with them.
pytestmark = pytest.mark.django_db(transaction=True)

LINE = {"queue": "maintenance", "soft_seconds": 20, "hard_seconds": 30}


@pytest.fixture(autouse=True)
def end_of_heartbeat():
    yield
    heartbeat.of_this_process().end()


def end_session(pid):
    """End a session of the database's, as a restart of it or a proxy's idle limit does."""
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("select pg_terminate_backend(%s, 5000)", [pid])


@job("test.steal", atomic=True, **LINE)
def steal():
    """Leave an effect, and lose the claim to another worker before settling."""
    effects.leave("effect")
    Job.objects.filter(name="test.steal").update(claim_token=uuid4())


@job("test.fail_when_told_to_stop", **LINE)
def fail_when_told_to_stop():
    control.cancel(current_job().id)
    raise Transient("the provider is away")


@job("test.lose_session", atomic=True, **LINE)
def lose_session():
    """Leave an effect; in the first attempt lose the database's session too, between the effect and its settling."""
    effects.leave("effect")
    if current_job().attempt == 1:
        end_session(effects.session())


@job("test.lose_session_at_last", **LINE)
def lose_session_at_last():
    """Do what can't be taken back; then the session ends."""
    effects.leave("effect")
    end_session(effects.session())


@job("test.ask_for_time", **LINE)
def ask_for_time():
    raise Transient("slow down", retry_after=3600)


def reread(job_id):
    return Job.objects.get(pk=job_id)


def test_a_body_that_returns_makes_its_job_succeed():
    job_id = enqueue("test.add", 1, 2)

    assert deliver(job_id) == 3

    row = reread(job_id)
    assert (row.state, row.result, row.attempts, row.error) == ("succeeded", 3, 1, "")


def test_a_job_delivered_twice_runs_once(effect_table):
    job_id = enqueue("test.note", "once")

    deliver(job_id)

    assert deliver(job_id) is Ignore
    assert len(effect_table.of(job_id)) == 1


def test_a_session_that_ended_between_two_jobs_costs_the_second_nothing():
    job_id = enqueue("test.add", 1, 2)

    assert deliver(job_id, meanwhile=lambda: end_session(effects.session())) == 3

    assert reread(job_id).attempts == 1


@pytest.mark.parametrize(
    ("name", "args", "state", "outcome"),
    [
        ("test.fail_until", [2], "retrying", Retry),
        ("test.bug", ["oops"], "retrying", Retry),
        ("test.refuse", [], "dead", Permanent),
    ],
)
@pytest.mark.usefixtures("effect_table")
def test_an_attempt_that_fails_is_judged(name, args, state, outcome):
    job_id = enqueue(name, *args)

    seen = deliver(job_id)

    assert seen is outcome or isinstance(seen, outcome)
    assert reread(job_id).state == state


def test_a_provider_that_asks_for_time_gets_it():
    job_id = enqueue("test.ask_for_time")

    deliver(job_id)

    row = reread(job_id)
    assert (row.run_at - row.created_at).total_seconds() > 3500


def test_a_job_told_to_stop_is_cancelled_by_its_failure_and_does_not_run_again():
    job_id = enqueue("test.fail_when_told_to_stop")

    with capture_logs() as lines:
        assert deliver(job_id) is Ignore

    assert reread(job_id).state == "cancelled"
    assert lines[-1]["event"] == "job_cancelled"


def test_the_effect_of_an_attempt_that_lost_its_job_is_rolled_back(effect_table):
    job_id = enqueue("test.steal")

    assert deliver(job_id) is Ignore

    assert effect_table.of(job_id) == []
    assert reread(job_id).state == "running"


def test_a_success_that_the_database_did_not_take_is_no_success_and_no_failure_for_good(effect_table):
    job_id = enqueue(step("test.lose_session").on_error(step("test.note", "errback")))

    assert deliver(job_id) is Retry

    row = reread(job_id)
    assert (row.state, row.failures.get().fate) == ("retrying", "transient")
    assert effect_table.of(job_id) == []
    Job.objects.update(state="queued", run_at=row.created_at)
    deliver(job_id)
    assert reread(job_id).state == "succeeded"
    assert [effect.attempt for effect in effect_table.of(job_id)] == [2]
    assert Job.objects.count() == 1


def test_what_is_done_is_not_done_again_because_the_session_ended_before_it_was_settled(effect_table):
    job_id = enqueue("test.lose_session_at_last")

    deliver(job_id)

    row = reread(job_id)
    assert (row.state, row.attempts) == ("succeeded", 1)
    assert len(effect_table.of(job_id)) == 1


@pytest.fixture
def one_a_minute(settings):
    """The rate of `test.limited`, unused so far."""
    settings.JOB_RATE_LIMITS = {"test": "1/minute"}
    limits._client().delete(*limits._keys("test"))


def test_a_job_over_the_rate_waits_and_spends_no_attempt(one_a_minute, effect_table):
    first, second = enqueue("test.limited", "a"), enqueue("test.limited", "b")
    deliver(first)

    assert deliver(second) is Retry

    row = reread(second)
    assert (row.state, row.attempts) == ("scheduled", 0)
    assert effect_table.of(second) == []


def test_a_message_that_brings_no_job_uses_no_rate(one_a_minute, effect_table):
    cancelled, next_one = enqueue("test.limited", "a"), enqueue("test.limited", "b")
    control.cancel(cancelled)
    assert deliver(cancelled) is Ignore

    deliver(next_one)

    assert reread(next_one).state == "succeeded"


def test_a_cancelled_job_is_dropped_when_its_message_arrives(effect_table):
    job_id = enqueue("test.note", "never")
    control.cancel(job_id)

    assert deliver(job_id) is Ignore
    assert effect_table.of(job_id) == []


def test_children_belong_to_their_parents_family(effect_table):
    job_id = enqueue("test.enqueue_then_die", 0)

    deliver(job_id)

    children = Job.objects.exclude(pk=job_id)
    assert children.count() == 4
    assert {str(child.parent_id) for child in children} == {job_id}
    assert {str(child.root_id) for child in children} == {job_id}
    assert effect_table.of(job_id) == []


def test_log_lines_of_a_run_name_the_job():
    job_id = enqueue("test.add", 1, 2)

    with capture_logs() as lines:
        deliver(job_id)

    assert [line["event"] for line in lines] == ["job_claimed", "job_succeeded"]


def test_a_bug_is_loud_and_weather_is_not(effect_table):
    bug, weather = enqueue("test.bug", "oops"), enqueue("test.fail_until", 2)

    with capture_logs() as lines:
        deliver(bug)
        deliver(weather)

    retried = [line for line in lines if line["event"] == "job_retrying"]
    assert [line["log_level"] for line in retried] == ["error", "warning"]
    assert effect_table.of(weather)


def test_what_another_worker_has_claimed_is_not_run_here(effect_table):
    job_id = enqueue("test.note", "elsewhere")
    claimed(job_id)

    assert deliver(job_id) is Ignore
    assert effect_table.of(job_id) == []
