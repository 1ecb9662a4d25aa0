import base64
import json
import uuid
from datetime import timedelta
from email.utils import format_datetime

import pytest
from django.utils import timezone

from accounts.errors import BadSubscription
from accounts.push import push_notifications, web_push
from accounts.push.models import PushSubscription
from celery_ledger.errors import Permanent, Transient
from tests.push_server import Browser, PushService

WORDS = ("Ready", "Your video is ready.", "/videos/1")


@pytest.fixture
def service(settings):
    running = PushService()
    settings.PUSH_PRIVATE_ORIGINS = (running.origin,)
    yield running
    running.close()


@pytest.fixture
def browser():
    return Browser()


@pytest.fixture
def subscribed(a_user, service, browser):
    return push_notifications.subscribe(a_user(), f"{service.origin}/device/1", browser.p256dh, browser.auth)


def test_a_notification_arrives_and_only_the_browser_can_read_it(subscribed, service, browser):
    push_notifications.send(subscribed.pk, *WORDS)

    ((path, headers, body),) = service.requests
    assert path == "/device/1"
    assert json.loads(browser.read(body)) == {
        "title": "Ready",
        "body": "Your video is ready.",
        "path": "/videos/1",
    }
    assert b"Ready" not in body
    assert headers["ttl"] == str(web_push.KEPT_SECONDS)


def test_a_notification_is_signed_with_the_key_that_browsers_subscribe_to(subscribed, service):
    push_notifications.send(subscribed.pk, *WORDS)

    authorization = service.requests[0][1]["authorization"]
    assert authorization.startswith("vapid t=")
    assert f"k={web_push.public_key()}" in authorization
    claims = json.loads(base64.urlsafe_b64decode(authorization.split(".")[1] + "=="))
    assert claims["aud"] == service.origin
    assert claims["sub"] == "mailto:offstage@localhost"


def test_a_second_attempt_bears_the_same_topic_so_that_it_replaces_the_first(subscribed, service, as_job):
    job_id = str(uuid.uuid4())

    for _ in range(2):
        with as_job(job_id):
            push_notifications.send(subscribed.pk, *WORDS)

    assert [headers["topic"] for _, headers, _ in service.requests] == [job_id.replace("-", "")] * 2


@pytest.mark.parametrize("status", [404, 410])
def test_a_withdrawn_subscription_is_forgotten_and_twice_is_as_once(subscribed, service, status):
    service.status = status

    push_notifications.send(subscribed.pk, *WORDS)
    push_notifications.send(subscribed.pk, *WORDS)

    assert not PushSubscription.objects.exists()
    assert len(service.requests) == 1


@pytest.mark.parametrize(("asked", "seconds"), [("7", 7), (None, 60), ("soon", 60)])
def test_a_service_that_asks_to_wait_is_transient_for_as_long(subscribed, service, asked, seconds):
    service.status = 429
    service.headers = {"Retry-After": asked} if asked else {}

    with pytest.raises(Transient) as wait:
        push_notifications.send(subscribed.pk, *WORDS)

    assert wait.value.retry_after == seconds


def test_a_service_may_ask_to_wait_until_an_instant(subscribed, service):
    service.status = 429
    service.headers = {"Retry-After": format_datetime(timezone.now() + timedelta(seconds=100), usegmt=True)}

    with pytest.raises(Transient) as wait:
        push_notifications.send(subscribed.pk, *WORDS)

    assert wait.value.retry_after == pytest.approx(100, abs=5)


@pytest.mark.parametrize("status", [500, 503])
def test_a_failing_service_is_transient(subscribed, service, status):
    service.status = status

    with pytest.raises(Transient):
        push_notifications.send(subscribed.pk, *WORDS)

    assert PushSubscription.objects.exists()


@pytest.mark.parametrize("status", [400, 401, 403, 413])
def test_a_refused_message_is_permanent(subscribed, service, status):
    service.status = status

    with pytest.raises(Permanent, match=str(status)):
        push_notifications.send(subscribed.pk, *WORDS)


def test_a_redirect_is_not_followed(subscribed, service):
    service.status = 307
    service.headers = {"Location": f"{service.origin}/elsewhere"}

    with pytest.raises(Permanent):
        push_notifications.send(subscribed.pk, *WORDS)

    assert len(service.requests) == 1


def test_a_service_that_is_away_is_transient(a_user, browser, settings):
    service = PushService()
    settings.PUSH_PRIVATE_ORIGINS = (service.origin,)
    subscription = push_notifications.subscribe(a_user(), f"{service.origin}/1", browser.p256dh, browser.auth)
    service.close()

    with pytest.raises(Transient, match="not reachable"):
        push_notifications.send(subscription.pk, *WORDS)


def test_a_stored_address_that_leads_inside_is_not_called(subscribed, service, settings):
    settings.PUSH_PRIVATE_ORIGINS = ()
    PushSubscription.objects.update(endpoint=service.origin.replace("http:", "https:"))

    with pytest.raises(Permanent, match="not on the public internet"):
        push_notifications.send(subscribed.pk, *WORDS)

    assert service.requests == []


def test_nothing_is_sent_for_a_subscription_that_is_gone(subscribed, service):
    push_notifications.unsubscribe(subscribed.user, subscribed.endpoint)
    push_notifications.unsubscribe(subscribed.user, subscribed.endpoint)

    push_notifications.send(subscribed.pk, *WORDS)

    assert service.requests == []


def test_subscribing_twice_keeps_one_row(subscribed, browser):
    again = push_notifications.subscribe(subscribed.user, subscribed.endpoint, browser.p256dh, browser.auth)

    assert again.pk == subscribed.pk
    assert PushSubscription.objects.count() == 1


def test_a_browser_belongs_to_who_uses_it_last(subscribed, browser, a_user):
    other = a_user("b@example.org")

    push_notifications.subscribe(other, subscribed.endpoint, browser.p256dh, browser.auth)

    assert PushSubscription.objects.get().user == other


def test_of_more_than_twenty_browsers_the_oldest_is_forgotten(subscribed, service, browser):
    for number in range(push_notifications.MAX_BROWSERS):
        push_notifications.subscribe(
            subscribed.user, f"{service.origin}/{number}/x", browser.p256dh, browser.auth
        )

    assert PushSubscription.objects.count() == push_notifications.MAX_BROWSERS
    assert not PushSubscription.objects.filter(pk=subscribed.pk).exists()


def test_notifying_asks_for_one_job_a_browser(subscribed, asked_for, a_user):
    push_notifications.notify(str(subscribed.user_id), *WORDS)
    push_notifications.notify(str(a_user("b@example.org").pk), *WORDS)

    assert asked_for("accounts.send_push") == [[subscribed.pk, *WORDS]]


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example.org/1",
        "https://127.0.0.1/1",
        "https://10.0.0.8/1",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/1",
        "https://[::ffff:10.0.0.1]/1",
        "https://2130706433/1",
        "https://0x7f.1/1",
        "https://localhost/1",
        "https://localhost./1",
        "https://db.internal/1",
        "https://user@push.example.org/1",
        "https://[not-an-address/1",
        "ftp://push.example.org/1",
    ],
)
def test_an_address_inside_or_without_tls_is_refused(a_user, browser, endpoint):
    with pytest.raises(BadSubscription) as refusal:
        push_notifications.subscribe(a_user(), endpoint, browser.p256dh, browser.auth)

    assert refusal.value.field == "endpoint"
    assert not PushSubscription.objects.exists()


def test_a_public_https_address_is_taken_without_asking_a_name_server(a_user, browser):
    assert push_notifications.subscribe(a_user(), "https://push.example.org/1", browser.p256dh, browser.auth)


@pytest.mark.parametrize("key", ["", "AAAA", "not base64!", "B" * 87])
def test_a_key_that_is_no_point_of_the_curve_is_refused(a_user, browser, key):
    with pytest.raises(BadSubscription) as refusal:
        push_notifications.subscribe(a_user(), "https://push.example.org/1", key, browser.auth)

    assert refusal.value.field == "keys.p256dh"


@pytest.mark.parametrize("secret", ["", "c2hvcnQ", "not base64!"])
def test_a_secret_of_another_length_is_refused(a_user, browser, secret):
    with pytest.raises(BadSubscription) as refusal:
        push_notifications.subscribe(a_user(), "https://push.example.org/1", browser.p256dh, secret)

    assert refusal.value.field == "keys.auth"
