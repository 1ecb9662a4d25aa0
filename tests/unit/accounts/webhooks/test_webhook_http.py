import json
import time
import uuid
from datetime import timedelta
from email.utils import format_datetime
from functools import partial

import pytest
from django.utils import timezone
from standardwebhooks.webhooks import WebhookVerificationError

from accounts.errors import BadWebhook, ReceiverGone
from accounts.webhooks import webhook_http
from celery_ledger.errors import Permanent, Transient
from celery_ledger.settling import judge
from tests.webhook_receiver import DRIP_SECONDS, DRIPS, Receiver

EVENT = {"type": "video.ready", "timestamp": "2026-01-02T03:04:05Z", "data": {"id": "1", "title": "Café"}}


@pytest.fixture
def receiver(settings):
    running = Receiver()
    settings.WEBHOOK_PRIVATE_ORIGINS = (running.origin,)
    yield running
    running.close()


@pytest.fixture
def inside():
    """Return a server of our own network that nobody has named."""
    running = Receiver()
    yield running
    running.close()


@pytest.fixture
def secret():
    return webhook_http.new_secret()


@pytest.fixture
def deliver(receiver, secret):
    return partial(webhook_http.deliver, f"{receiver.origin}/hook?key=k", secret, EVENT)


def test_an_event_is_posted_as_json_with_the_jobs_id(deliver, receiver, as_job):
    job_id = str(uuid.uuid4())

    with as_job(job_id):
        deliver(timezone.now())

    (post,) = receiver.posts
    assert post.path == "/hook?key=k"
    assert post.headers["content-type"] == "application/json"
    assert json.loads(post.body) == EVENT
    assert post.id == job_id


def test_a_receiver_verifies_the_signature_with_the_secret_and_no_other(deliver, receiver, secret):
    deliver(timezone.now())

    (post,) = receiver.posts
    assert post.read_with(secret) == EVENT
    with pytest.raises(WebhookVerificationError):
        post.read_with(webhook_http.new_secret())


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
def test_the_signature_covers_the_id_and_the_time(deliver, receiver, secret, name):
    deliver(timezone.now())
    (post,) = receiver.posts

    post.headers[name] = str(int(post.headers[name]) + 1) if name == "webhook-timestamp" else "another"

    with pytest.raises(WebhookVerificationError):
        post.read_with(secret)


def test_a_second_attempt_has_the_same_id_and_body_and_its_own_time(deliver, receiver, secret, as_job):
    now, job_id = timezone.now(), str(uuid.uuid4())

    for at in (now - timedelta(minutes=2), now):
        with as_job(job_id):
            deliver(at)

    first, second = receiver.posts
    assert (first.id, first.body) == (second.id, second.body)
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 120
    assert first.read_with(secret) == second.read_with(secret)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_answer_of_the_kind_2xx_is_a_receipt(deliver, receiver, status):
    receiver.status = status

    deliver(timezone.now())

    assert len(receiver.posts) == 1


def test_gone_means_no_more_of_this(deliver, receiver):
    receiver.status = 410

    with pytest.raises(ReceiverGone):
        deliver(timezone.now())


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize(("asked", "seconds"), [("7", 7), (None, None), ("soon", None)])
def test_a_receiver_that_fails_or_asks_to_wait_is_transient_for_as_long(
    deliver, receiver, status, asked, seconds
):
    receiver.status = status
    receiver.headers = {"Retry-After": asked} if asked else {}

    with pytest.raises(Transient, match=str(status)) as wait:
        deliver(timezone.now())

    assert wait.value.retry_after == seconds


def test_a_receiver_may_ask_to_wait_until_an_instant(deliver, receiver):
    receiver.status = 503
    receiver.headers = {"Retry-After": format_datetime(timezone.now() + timedelta(seconds=100), usegmt=True)}

    with pytest.raises(Transient) as wait:
        deliver(timezone.now())

    assert wait.value.retry_after == pytest.approx(100, abs=5)


@pytest.mark.parametrize("status", [304, 400, 401, 403, 404, 405, 413, 422])
def test_a_refused_event_is_permanent(deliver, receiver, status):
    receiver.status = status

    with pytest.raises(Permanent, match=str(status)):
        deliver(timezone.now())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_private_address_is_not_followed(deliver, receiver, inside, status):
    receiver.status = status
    receiver.headers = {"Location": f"{inside.origin}/admin"}

    with pytest.raises(Permanent, match=str(status)):
        deliver(timezone.now())

    assert inside.posts == []
    assert len(receiver.posts) == 1


def test_a_receiver_that_hangs_is_transient_after_the_named_time(deliver, receiver, settings):
    settings.WEBHOOK_ANSWER_SECONDS = 0.3
    receiver.hangs = True
    started = time.monotonic()

    with pytest.raises(Transient, match="not reachable"):
        deliver(timezone.now())

    assert time.monotonic() - started < 5
    assert len(receiver.posts) == 1


def test_a_receiver_whose_answer_does_not_end_has_taken_the_event_all_the_same(deliver, receiver):
    receiver.headers = {"Content-Length": str(10**12)}
    receiver.drips = True
    started = time.monotonic()

    deliver(timezone.now())

    assert time.monotonic() - started < DRIPS * DRIP_SECONDS / 2


def test_of_a_huge_answer_nothing_is_read(deliver, receiver):
    receiver.body = b"x" * 50_000_000

    deliver(timezone.now())

    receiver.close()
    assert receiver.sent_bytes < len(receiver.body)


def test_a_receiver_that_is_away_is_transient(deliver, receiver):
    receiver.close()

    with pytest.raises(Transient, match="not reachable"):
        deliver(timezone.now())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_stored_address_that_leads_inside_is_not_called(deliver, receiver, settings, scheme):
    settings.WEBHOOK_PRIVATE_ORIGINS = ()
    url = receiver.origin.replace("http:", f"{scheme}:")

    with pytest.raises(Permanent):
        webhook_http.deliver(url, webhook_http.new_secret(), EVENT, timezone.now())

    assert receiver.posts == []


def test_an_origin_of_the_push_services_is_none_of_the_receivers(deliver, receiver, settings):
    settings.WEBHOOK_PRIVATE_ORIGINS, settings.PUSH_PRIVATE_ORIGINS = (), (receiver.origin,)

    with pytest.raises(Permanent):
        deliver(timezone.now())

    assert receiver.posts == []


def test_a_failure_tells_neither_the_address_nor_the_secret(deliver, receiver, secret):
    receiver.close()

    with pytest.raises(Transient) as failure:
        deliver(timezone.now())

    told = judge.describe(failure.value)
    assert "key=k" not in told.traceback + told.message
    assert secret not in told.traceback + told.message


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/1",
        "ftp://hooks.example.org/1",
        "https://user:password@hooks.example.org/1",
        "https://127.0.0.1/1",
        "https://10.0.0.8/1",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/1",
        "https://[::ffff:10.0.0.1]/1",
        "https://2130706433/1",
        "https://0x7f.1/1",
        "https://localhost./1",
        "https://db.internal/1",
        "https://[not-an-address/1",
    ],
)
def test_an_address_inside_or_without_tls_is_refused(url):
    with pytest.raises(BadWebhook) as refusal:
        webhook_http.check(url)

    assert refusal.value.field == "url"


def test_a_public_https_address_is_taken_without_asking_a_name_server():
    webhook_http.check("https://no-such-name.example.org/hook?key=k")


def test_an_origin_that_the_operator_names_is_taken_as_it_is(settings):
    settings.WEBHOOK_PRIVATE_ORIGINS = ("http://10.0.0.8:9000",)

    webhook_http.check("http://10.0.0.8:9000/hook")

    with pytest.raises(BadWebhook):
        webhook_http.check("http://10.0.0.8:9001/hook")


def test_each_secret_is_a_new_one():
    assert webhook_http.new_secret() != webhook_http.new_secret()
