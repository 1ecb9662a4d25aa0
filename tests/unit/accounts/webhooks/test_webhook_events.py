import uuid
from threading import Barrier, Thread

import pytest
from django.db import connections, transaction
from django.utils import timezone

from accounts.account_deletion import deletion
from accounts.errors import BadWebhook, TooManyWebhooks
from accounts.models import User
from accounts.webhooks import webhook_events
from accounts.webhooks.models import Webhook, WebhookEvent
from celery_ledger.errors import Permanent, Transient
from celery_ledger.models import Job
from tests.unit.accounts.conftest import PASSWORD
from tests.webhook_receiver import Receiver

READY, FAILED = WebhookEvent.VIDEO_READY, WebhookEvent.VIDEO_FAILED
URL = "https://hooks.example.org/1"
ABOUT = {"id": "1", "state": "ready"}


@pytest.fixture
def receiver(settings):
    running = Receiver()
    settings.WEBHOOK_PRIVATE_ORIGINS = (running.origin,)
    yield running
    running.close()


@pytest.fixture
def added(a_user, receiver):
    """Return a webhook of the receiver, and its secret."""
    return webhook_events.add(a_user(), f"{receiver.origin}/hook", [READY])


def post(webhook, event=READY):
    webhook_events.post(str(webhook.pk), event.value, "2026-01-02T03:04:05Z", ABOUT, timezone.now())


def test_an_event_reaches_the_receiver_who_verifies_it_with_the_secret_that_was_shown(added, receiver):
    webhook, secret = added

    post(webhook)

    (arrived,) = receiver.posts
    assert arrived.path == "/hook"
    assert arrived.read_with(secret) == {
        "type": "video.ready",
        "timestamp": "2026-01-02T03:04:05Z",
        "data": ABOUT,
    }


def test_posted_twice_by_one_job_it_bears_one_id(added, receiver, as_job):
    webhook, secret = added
    job_id = str(uuid.uuid4())

    for _ in range(2):
        with as_job(job_id):
            post(webhook)

    assert [arrived.id for arrived in receiver.posts] == [job_id, job_id]
    assert receiver.posts[0].read_with(secret) == receiver.posts[1].read_with(secret)


def test_nothing_is_posted_for_a_webhook_that_was_removed_meanwhile(added, receiver):
    webhook, _ = added
    webhook_events.remove(webhook)
    webhook_events.remove(webhook)

    post(webhook)

    assert receiver.posts == []
    assert not Webhook.objects.exists()


def test_nothing_is_posted_for_a_user_who_leaves(added, receiver):
    webhook, _ = added
    deletion.request_deletion(None, webhook.user, PASSWORD)

    post(webhook)

    assert receiver.posts == []


def test_a_receiver_that_is_gone_is_asked_once_and_twice_is_as_once(added, receiver):
    webhook, _ = added
    receiver.status = 410

    post(webhook)
    post(webhook)

    assert len(receiver.posts) == 1
    assert not Webhook.objects.exists()


@pytest.mark.parametrize(("status", "fate"), [(503, Transient), (404, Permanent)])
def test_a_receiver_that_fails_keeps_its_webhook(added, receiver, status, fate):
    webhook, _ = added
    receiver.status = status

    with pytest.raises(fate):
        post(webhook)

    assert Webhook.objects.filter(pk=webhook.pk).exists()


def test_a_secret_sealed_under_another_key_is_a_reason_that_one_can_read(added, receiver, settings):
    webhook, _ = added
    settings.SECRET_KEY = "another one"

    with pytest.raises(Permanent, match="SECRET_KEY"):
        post(webhook)

    assert receiver.posts == []


def test_the_secret_is_nowhere_in_the_row_nor_in_what_a_job_is_asked_for_with(added):
    webhook, secret = added
    webhook_events.notify(str(webhook.user_id), READY, ABOUT, timezone.now())

    stored = [*Webhook.objects.values().get().values(), *Job.objects.values().get().values()]

    assert secret.removeprefix("whsec_") not in str(stored)
    assert webhook.url not in str(Job.objects.values().get())


def test_each_webhook_that_wants_the_event_gets_a_job_of_its_own(a_user, asked_for):
    user, other = a_user(), a_user("b@example.org")
    both, _ = webhook_events.add(user, URL, [FAILED, READY])
    ready, _ = webhook_events.add(user, URL, [READY])
    webhook_events.add(user, URL, [FAILED])
    webhook_events.add(other, URL, [READY])
    now = timezone.now()

    webhook_events.notify(str(user.pk), READY, ABOUT, now)

    happened_at = now.isoformat().replace("+00:00", "Z")
    assert asked_for("accounts.post_webhook") == [
        [str(webhook.pk), "video.ready", happened_at, ABOUT] for webhook in (both, ready)
    ]


def test_a_rolled_back_event_is_never_posted(added, asked_for):
    webhook, _ = added

    with transaction.atomic():
        webhook_events.notify(str(webhook.user_id), READY, ABOUT, timezone.now())
        transaction.set_rollback(True)

    assert asked_for("accounts.post_webhook") == []


def test_events_are_kept_in_one_order_and_each_once(a_user):
    webhook, _ = webhook_events.add(a_user(), URL, ["video.failed", "video.ready", "video.failed"])

    assert webhook.events == ["video.ready", "video.failed"]


def test_two_webhooks_have_two_secrets(a_user):
    user = a_user()

    secrets = {webhook_events.add(user, URL, [READY])[1] for _ in range(2)}

    assert len(secrets) == 2


def test_an_address_inside_is_refused_before_anything_is_kept(a_user):
    with pytest.raises(BadWebhook):
        webhook_events.add(a_user(), "https://10.0.0.1/", [READY])

    assert not Webhook.objects.exists()


def test_a_user_has_so_many_webhooks_at_most_whatever_others_have(a_user, settings):
    settings.WEBHOOKS_PER_USER = 2
    user = a_user()
    first, _ = webhook_events.add(user, URL, [READY])
    webhook_events.add(user, URL, [READY])

    with pytest.raises(TooManyWebhooks, match="2 webhooks"):
        webhook_events.add(user, URL, [READY])

    assert webhook_events.add(a_user("b@example.org"), URL, [READY])
    webhook_events.remove(first)
    assert webhook_events.add(user, URL, [READY])


@pytest.mark.django_db(transaction=True)
def test_of_many_that_are_added_at_once_no_more_are_taken_than_the_limit(a_user, settings):
    settings.WEBHOOKS_PER_USER = 2
    user = a_user()
    start = Barrier(6)
    taken = []

    def ask():
        mine = User.objects.get(pk=user.pk)
        start.wait()
        try:
            taken.append(webhook_events.add(mine, URL, [READY]))
        except TooManyWebhooks:
            return
        finally:
            connections.close_all()

    threads = [Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == Webhook.objects.count() == 2
