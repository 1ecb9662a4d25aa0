"""Webhooks as the API's users see them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.webhooks import webhook_events
from accounts.webhooks.models import Webhook
from api import sealing

URL = "https://hooks.example.org/1?key=k"
UNKNOWN = "0b7e6e1c-5f0e-4d0c-9a55-3c2f6a1d9e10"


@pytest.mark.parametrize("path", ["/api/webhooks", "/api/webhooks/"])
def test_a_webhook_is_added_listed_without_its_secret_and_deleted(a_user, as_user, path):
    client = as_user(a_user())

    made = client.post(path, {"url": URL, "events": ["video.ready"]})

    assert made.status_code == 201
    assert set(made.json()) == {"id", "url", "events", "secret"}
    assert made.json()["secret"].startswith("whsec_")
    shown = {"id": made.json()["id"], "url": URL, "events": ["video.ready"]}
    assert client.get(path).json() == {"next": None, "previous": None, "results": [shown]}
    assert client.delete(f"/api/webhooks/{shown['id']}").status_code == 204
    assert client.delete(f"/api/webhooks/{shown['id']}").status_code == 404
    assert client.get(path).json()["results"] == []


def test_the_secret_that_is_shown_is_the_one_that_signs(a_user, as_user):
    made = as_user(a_user()).post("/api/webhooks", {"url": URL})

    assert sealing.unseal(Webhook.objects.get().sealed_secret) == made.json()["secret"]


def test_who_names_no_event_is_told_of_all(a_user, as_user):
    made = as_user(a_user()).post("/api/webhooks", {"url": URL})

    assert made.json()["events"] == ["video.ready", "video.failed"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "https://10.0.0.1/1"}, "url"),
        ({"url": "http://hooks.example.org/1"}, "url"),
        ({"url": "no address"}, "url"),
        ({"url": f"https://hooks.example.org/{'x' * 1000}"}, "url"),
        ({"url": "https://hooks.example.org/\x00"}, "url"),
        ({"url": 7}, "url"),
        ({"url": None}, "url"),
        ({"events": []}, "events"),
        ({"events": ["video.eaten"]}, "events"),
        ({"events": "video.ready"}, "events"),
        ({"events": [{}]}, "events"),
        ({"events": None}, "events"),
    ],
)
def test_a_bad_webhook_answers_400_with_the_field(a_user, as_user, change, field):
    answer = as_user(a_user()).post("/api/webhooks", {"url": URL, **change})

    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert all(isinstance(reason, str) for reason in answer.json()[field])
    assert not Webhook.objects.exists()


def test_one_more_than_a_user_may_have_answers_409(a_user, as_user, settings):
    settings.WEBHOOKS_PER_USER = 1
    client = as_user(a_user())
    client.post("/api/webhooks", {"url": URL})

    answer = client.post("/api/webhooks", {"url": URL})

    assert (answer.status_code, list(answer.json())) == (409, ["detail"])
    assert Webhook.objects.count() == 1


def test_one_idempotency_key_makes_one_webhook_and_shows_its_secret_again(a_user, as_user):
    client = as_user(a_user())

    answers = [client.post("/api/webhooks", {"url": URL}, headers={"Idempotency-Key": "k"}) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    assert Webhook.objects.count() == 1


def test_webhooks_are_listed_newest_first_and_only_ones_own(a_user, as_user):
    user = a_user()
    for number in range(3):
        made, _ = webhook_events.add(user, f"https://hooks.example.org/{number}", ["video.ready"])
        at = timezone.now() + timedelta(seconds=number)
        Webhook.objects.filter(pk=made.pk).update(created_at=at)
    webhook_events.add(a_user("b@example.org"), "https://hooks.example.org/theirs", ["video.ready"])

    listed = as_user(user).get("/api/webhooks", {"page_size": 2}).json()

    assert [webhook["url"][-1] for webhook in listed["results"]] == ["2", "1"]
    rest = as_user(user).get(listed["next"]).json()
    assert [webhook["url"][-1] for webhook in rest["results"]] == ["0"]


def test_another_ones_webhook_is_not_there(a_user, as_user):
    theirs, _ = webhook_events.add(a_user("b@example.org"), URL, ["video.ready"])

    answer = as_user(a_user()).delete(f"/api/webhooks/{theirs.pk}")

    assert answer.status_code == 404
    assert Webhook.objects.filter(pk=theirs.pk).exists()


@pytest.mark.parametrize("unknown", [UNKNOWN, "-" * 36])
def test_a_webhook_that_is_not_there_answers_404(a_user, as_user, unknown):
    assert as_user(a_user()).delete(f"/api/webhooks/{unknown}").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/webhooks"),
        ("post", "/api/webhooks"),
        ("delete", f"/api/webhooks/{UNKNOWN}"),
    ],
)
def test_a_stranger_gets_401_and_is_told_how(api, method, path):
    answer = getattr(api, method)(path)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def create_with_key(client):
    return client.post(
        "/api/webhooks", {"url": "https://hooks.example.org/1"}, headers={"Idempotency-Key": "once"}
    )


def test_a_resend_shows_the_secret_again_while_the_webhook_is_there(a_user, as_user):
    client = as_user(a_user())

    first, second = create_with_key(client), create_with_key(client)

    assert second.json() == first.json()
    assert second.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("way", ["api", "receiver", "admin"])
def test_the_secret_of_a_deleted_webhook_is_not_shown_again_and_no_other_is_made(a_user, as_user, way):
    client = as_user(a_user())
    made = create_with_key(client).json()
    if way == "api":
        client.delete(f"/api/webhooks/{made['id']}")
    else:
        Webhook.objects.all().delete()  # as the receiver's 410 does, and as rows go with others

    again = create_with_key(client)

    assert again.status_code == 410
    assert made["secret"] not in again.content.decode()
    assert not Webhook.objects.exists()
