"""Webhooks through real processes: a video comes to its end, a worker posts it to a receiver that misbehaves."""

import signal
from os import kill

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.utils import timezone

from accounts.webhooks import webhook_events
from accounts.webhooks.models import Webhook, WebhookEvent
from celery_ledger.models import Job
from media_pipeline import lifecycle
from media_pipeline.models import Video, VideoState
from tests.eventually import eventually
from tests.integration.stage import Stage, holds, running_in, settled
from tests.unit.media_pipeline.builders import a_planned_video
from tests.webhook_receiver import Post, Receiver

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def receiver():
    running = Receiver()
    yield running
    running.close()


@pytest.fixture(scope="module")
def worker(ledger, receiver, tmp_path_factory):
    stage = Stage(
        tmp_path_factory.mktemp("webhooks"),
        WEBHOOK_PRIVATE_ORIGINS=receiver.origin,
        WEBHOOK_ANSWER_SECONDS="15",
        # What this process seals, the worker must open.
        SECRET_KEY=django_settings.SECRET_KEY,
    )
    stage.broker.start()
    yield stage.start_worker("-Q", "push")
    stage.close()


@pytest.fixture(autouse=True)
def surroundings(worker, receiver, settings, tmp_path):
    """The receiver behaves until a test says otherwise, and no test sees the posts of another."""
    settings.WEBHOOK_PRIVATE_ORIGINS = (receiver.origin,)
    settings.MEDIA_FOLDER = tmp_path
    receiver.status, receiver.headers, receiver.hangs = 200, {}, False
    receiver.posts.clear()
    yield
    get_user_model().objects.all().delete()


@pytest.fixture
def owner(surroundings):
    return get_user_model().objects.create_user("owner@example.org", "x", verified_at=timezone.now())


@pytest.fixture
def secret(owner, receiver):
    return webhook_events.add(owner, f"{receiver.origin}/hook", [WebhookEvent.VIDEO_READY])[1]


def a_film_gets_ready(owner) -> Video:
    video = a_planned_video(owner)
    assert lifecycle.become_ready(str(video.pk), 91.5, timezone.now())
    return video


def arrived(receiver, count=1) -> list[Post]:
    """Wait for so many posts, and return them."""
    return eventually(lambda: len(receiver.posts) >= count and list(receiver.posts), within_seconds=30)


def the_job() -> str:
    return str(Job.objects.get(name="accounts.post_webhook", state__in=["queued", "running", "retrying"]).pk)


def test_a_film_that_gets_ready_is_one_post_with_the_jobs_id(owner, secret, receiver):
    video = a_film_gets_ready(owner)

    (post,) = arrived(receiver)
    assert post.read_with(secret)["type"] == "video.ready"
    assert post.read_with(secret)["data"] == {"id": str(video.pk), "state": "ready", "error": ""}
    (job,) = settled(post.id)
    assert (job.name, job.attempts) == ("accounts.post_webhook", 1)
    assert Video.objects.get(pk=video.pk).state == VideoState.READY
    assert holds(lambda: len(receiver.posts) == 1, for_seconds=2)


def test_a_receiver_that_asks_to_wait_is_asked_again_then_under_the_same_id(owner, secret, receiver):
    receiver.status, receiver.headers = 429, {"Retry-After": "3"}
    a_film_gets_ready(owner)
    arrived(receiver)
    receiver.status = 200

    first, second = arrived(receiver, 2)

    assert (first.id, first.body) == (second.id, second.body)
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) >= 2
    assert second.read_with(secret) == first.read_with(secret)
    (job,) = settled(first.id)
    assert job.attempts == 2


def test_a_worker_that_is_killed_while_the_receiver_reads_leads_to_a_second_post_of_one_id(
    owner, secret, receiver
):
    receiver.hangs = True
    a_film_gets_ready(owner)
    arrived(receiver)
    receiver.hangs = False

    kill(running_in(the_job()), signal.SIGKILL)

    first, second = arrived(receiver, 2)
    assert (first.id, first.body) == (second.id, second.body)
    assert settled(first.id)


def test_a_receiver_that_is_gone_ends_the_job_and_the_webhook(owner, secret, receiver):
    receiver.status = 410
    a_film_gets_ready(owner)

    (post,) = arrived(receiver)

    assert settled(post.id)[0].attempts == 1
    assert not Webhook.objects.exists()


def test_a_receiver_that_refuses_makes_the_job_dead_at_once_with_the_reason(owner, secret, receiver):
    receiver.status = 404
    a_film_gets_ready(owner)

    (post,) = arrived(receiver)

    (job,) = settled(post.id, as_="dead")
    assert (job.attempts, job.error) == (1, "the receiver refused the event (404)")
    assert Webhook.objects.exists()
