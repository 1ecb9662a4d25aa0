"""Messages: twice, late, too large, and such that nobody understands."""

from collections.abc import Iterator

from celery import current_app
from django.db.models import QuerySet
from kombu import Producer

from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.ledger.rows import Published
from celery_ledger.models import Job
from celery_ledger.publishing.publisher import Publisher
from tests.chaos.brokers import FullableRabbitMQ, Valkey
from tests.chaos.load import Load
from tests.chaos.play import await_quiet, await_running, fault
from tests.chaos.scene import Scene

QUEUE = "maintenance"


def send_again(jobs: QuerySet[Job], times: int = 1) -> None:
    """Send a message for each job, whatever its state."""
    due = [Published(str(job.pk), job.name, job.queue, job.headers, job.attempts) for job in jobs]
    publisher = Publisher(current_app)
    publisher.publish(due * times)
    publisher.close()


def _send_raw(body: bytes, content_type: str = "application/json", **headers: object) -> None:
    with current_app.connection_for_write() as connection:
        Producer(connection).publish(
            body,
            exchange="",
            routing_key=QUEUE,
            declare=[current_app.amqp.queues[QUEUE]],
            content_type=content_type,
            content_encoding="utf-8",
            headers=headers,
        )


@fault("each message delivered ten times more", "while the jobs wait and run", short=("valkey",))
def doubled(scene: Scene, load: Load) -> Iterator[None]:
    await_running()
    send_again(Job.objects.all(), 10)
    yield
    send_again(Job.objects.all(), 2)


@fault("each message delivered once more, late", "after its job has ended")
def late(scene: Scene, load: Load) -> Iterator[None]:
    await_quiet(30)
    send_again(Job.objects.all())
    yield


@fault("messages that nobody understands", "beside healthy ones")
def poison(scene: Scene, load: Load) -> Iterator[None]:
    _send_raw(b"this is no JSON")
    _send_raw(b"[]")
    _send_raw(b"[[], {}, {}]", task="chaos.no_such_task", id="3f0c1f5e-0000-4000-8000-000000000000")
    _send_raw(b"[[], {}, {}]", task="chaos.leave", id="no uuid at all")
    _send_raw(b"\x80\x04", content_type="application/x-python-serialize", task="chaos.leave", id="x")
    _send_raw(b"[[], {}, {}]", task="chaos.leave", id="3f0c1f5e-0000-4000-8000-000000000001")
    yield


@fault("bytes that are no message at all", "in the queue's list", brokers=("valkey",))
def rubbish(scene: Scene, load: Load) -> Iterator[None]:
    assert isinstance(scene.broker, Valkey)
    with scene.broker.client() as client:
        client.lpush(QUEUE, b"\xff\x00 rubbish", b"{}", b"[1]")
    yield


@fault("jobs of a task that no worker has", "a row of an older or newer release")
def unknown_task(scene: Scene, load: Load) -> Iterator[None]:
    for number in range(2):
        enqueue("chaos.fail", f"gone-{number}", delay_seconds=1)
    for job in Job.objects.filter(name="chaos.fail"):
        Job.objects.filter(pk=job.pk).update(
            name="chaos.removed", headers={**job.headers, "task": "chaos.removed"}
        )
    load.asked.dead = {"chaos.removed": 2}
    yield


@fault("rows that cannot be published", "at the head of their queue", short=("rabbitmq",))
def unpublishable(scene: Scene, load: Load) -> Iterator[None]:
    headers: tuple[dict[str, object], ...] = ({"note": "x" * 200_000}, {"note": 2**70}, {"n" * 300: 1})
    for number, header in enumerate(headers):
        job_id = enqueue("chaos.fail", f"stuck-{number}", delay_seconds=0.5)
        job = Job.objects.get(pk=job_id)
        Job.objects.filter(pk=job_id).update(headers={**job.headers, **header})
    job_id = enqueue("chaos.fail", "stranded", delay_seconds=0.5)
    Job.objects.filter(pk=job_id).update(queue="of-another-release")
    # Valkey takes any JSON, SQS too; there these two run, and fail each time.
    load.asked.dead = {"chaos.fail": 4}
    yield


@fault("jobs with an older signature", "a row of an older release", brokers=("valkey",))
def older_signature(scene: Scene, load: Load) -> Iterator[None]:
    for number in range(2):
        job_id = enqueue("chaos.flood", f"old-{number}", delay_seconds=0.5)
        Job.objects.filter(pk=job_id).update(kwargs={"a_parameter_that_was_dropped": 1})
        load.asked.dead["chaos.flood"] = number + 1
    yield


@fault("arguments of 1 MB", "all the time")
def large(scene: Scene, load: Load) -> Iterator[None]:
    for number in range(3):
        load.job("chaos.leave", f"large-{number}", 0.0, 0, "x" * 1_000_000)
    yield


@fault("visibility timeout of 2 s, jobs of 5 s", "all the time", brokers=("valkey", "sqs"))
def impatient(scene: Scene, load: Load) -> Iterator[None]:
    scene.start_worker("victim", DJANGO_SETTINGS_MODULE="tests.chaos.app.impatient")
    scene.shorten_visibility(2)
    for number in range(6):
        load.row(f"long-{number}", 5)
    yield


@fault("consumer_timeout of 5 s, jobs of 12 s", "all the time", brokers=("rabbitmq",), quiet_seconds=120)
def timed_out(scene: Scene, load: Load) -> Iterator[None]:
    assert isinstance(scene.broker, FullableRabbitMQ)
    scene.broker.give_consumers(5, looks_after=1)
    scene.afterwards.callback(scene.broker.give_consumers, 1800, looks_after=60)
    scene.wire.reset()  # the limit is that of new channels
    # More than the processes: who waits behind a long job, in the worker, is not acknowledged.
    for number in range(6):
        load.row(f"long-{number}", 12)
    yield
    yield
    assert "delivery acknowledgement on channel 1 timed out" in scene.broker.log(), (
        "the broker has closed no channel"
    )
