"""One relay: publishes what is due, wakes on commit, puts back what the broker did not take."""

import threading
from datetime import timedelta

import pytest
from celery import current_app
from django.db import connection
from django.utils import timezone
from kombu import Connection

from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.asking.policy import MAX_HEADERS_BYTES
from celery_ledger.models import Job
from celery_ledger.publishing import relay
from celery_ledger.publishing.publisher import BrokerAway, Publisher
from celery_ledger.publishing.relay import Relay, publish_due
from celery_ledger.states import JobState
from tests.eventually import eventually
from tests.rows import a_job

QUEUE = "reports"


@pytest.fixture(autouse=True)
def empty_queue():
    yield
    with Connection(current_app.conf.broker_url) as broker:
        broker.default_channel.client.delete(QUEUE, "maintenance")


@pytest.fixture
def running_relay(transactional_db):
    """A relay in a thread."""
    stopped = threading.Event()

    def run():
        Relay(current_app._get_current_object(), stopped.is_set).run()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    stopped.set()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.django_db
def test_what_is_due_is_published_once():
    a_job(queue=QUEUE, headers={"id": "a"})
    publisher = Publisher(current_app._get_current_object())

    assert [publish_due([QUEUE], publisher), publish_due([QUEUE], publisher)] == [1, 0]
    publisher.close()


@pytest.mark.django_db
@pytest.mark.usefixtures("refusing_broker")
def test_what_the_broker_did_not_take_stays_due():
    job = a_job(queue=QUEUE)
    publisher = Publisher(current_app._get_current_object())

    for _ in range(3):
        with pytest.raises(BrokerAway):
            publish_due([QUEUE], publisher)

    job.refresh_from_db()
    assert (job.state, job.published_at, job.publications) == ("queued", None, 0)


@pytest.mark.django_db
def test_what_can_not_be_published_is_dead_and_the_rest_goes_out():
    broken = a_job(queue=QUEUE, headers={"note": "x" * MAX_HEADERS_BYTES})
    healthy = a_job(queue=QUEUE, headers={"id": "b"})
    publisher = Publisher(current_app._get_current_object())

    publish_due([QUEUE], publisher)

    publisher.close()
    broken.refresh_from_db()
    healthy.refresh_from_db()
    assert (broken.state, healthy.state) == ("dead", "queued")
    assert "at most" in broken.error
    assert healthy.published_at


@pytest.mark.usefixtures("running_relay")
def test_a_commit_wakes_the_relay(settings):
    settings.JOB_POLL_SECONDS = 8
    job_id = enqueue("test.note")

    eventually(lambda: Job.objects.get(pk=job_id).published_at, within_seconds=5)


@pytest.mark.usefixtures("running_relay")
def test_a_relay_publishes_a_scheduled_job_when_its_time_has_come():
    job_id = enqueue("test.note", delay_seconds=0.5)

    eventually(lambda: Job.objects.get(pk=job_id).published_at, within_seconds=5)


@pytest.mark.usefixtures("running_relay")
def test_a_relay_rescues(settings):
    settings.JOB_LEASE_SECONDS = 1
    job = a_job(JobState.RUNNING, lease_until=timezone.now() - timedelta(seconds=1), queue=QUEUE)

    eventually(job.failures.exists, within_seconds=30)


@pytest.mark.usefixtures("running_relay")
def test_a_relay_buries_what_is_stranded():
    job = a_job(queue="of another release", run_at=timezone.now() - timedelta(days=1))

    eventually(lambda: Job.objects.get(pk=job.pk).state == "dead", within_seconds=30)


@pytest.mark.usefixtures("running_relay")
def test_a_relay_publishes_though_it_can_not_rescue(settings):
    settings.JOB_STRANDED_SECONDS = "no number"  # PostgreSQL refuses the query that asks for stranded jobs

    job_id = enqueue("test.note")

    eventually(lambda: Job.objects.get(pk=job_id).published_at)


@pytest.mark.usefixtures("running_relay")
def test_a_relay_goes_on_after_an_error_that_is_no_outage(settings, capsys):
    settings.JOB_MAX_IN_FLIGHT = "no number"
    job_id = enqueue("test.note")
    eventually(lambda: "relay_failed" in capsys.readouterr().out)

    settings.JOB_MAX_IN_FLIGHT = 1000

    eventually(lambda: Job.objects.get(pk=job_id).published_at)


@pytest.mark.usefixtures("running_relay")
def test_a_relay_listens_again_after_its_connection_was_cut():
    first = enqueue("test.note")
    eventually(lambda: Job.objects.get(pk=first).published_at)

    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )

    second = enqueue("test.note")
    eventually(lambda: Job.objects.get(pk=second).published_at)
    assert relay.BATCH > 1


@pytest.fixture
def creating_queues():
    """The application as a project has it that lets Celery create queues."""
    queues, conf = current_app.amqp.queues, current_app.conf
    conf.task_create_missing_queues = queues.create_missing = True
    yield
    conf.task_create_missing_queues = queues.create_missing = False
    queues.pop("test.created", None)


@pytest.mark.django_db
@pytest.mark.usefixtures("creating_queues")
def test_a_queue_that_celery_would_create_is_published_to():
    job_id = current_app.tasks["test.note"].apply_async((1,), queue="test.created").id
    queues = relay.known_queues(current_app)

    assert publish_due(queues, Publisher(current_app)) == 1

    with Connection(current_app.conf.broker_url) as broker:
        sent = broker.default_channel.client.llen("test.created")
        broker.default_channel.client.delete("test.created")
    assert (sent, "test.created" in queues) == (1, True)
    assert Job.objects.get(pk=job_id).published_at


@pytest.mark.django_db
def test_without_that_only_declared_queues_are_published_to():
    a_job("queued", queue="nobody's")

    assert relay.known_queues(current_app) == sorted(current_app.amqp.queues)
