"""The API as its users see it."""

import pytest

from tests.push_server import Browser


@pytest.mark.django_db
def test_the_push_key_is_a_point_for_everybody(api):
    key = api.get("/api/push-key").json()["key"]

    assert len(key) == 87
    assert key.startswith("B")


def test_a_browser_is_subscribed_and_unsubscribed(a_user, as_user):
    user, browser = a_user(), Browser()
    body = {
        "endpoint": "https://push.example.org/1",
        "keys": {"p256dh": browser.p256dh, "auth": browser.auth},
        "expirationTime": None,
    }

    made = as_user(user).post("/api/push-subscriptions", body)
    assert (made.status_code, user.push_subscriptions.count()) == (201, 1)
    gone = as_user(user).delete("/api/push-subscriptions", {"endpoint": body["endpoint"]})
    assert (gone.status_code, user.push_subscriptions.count()) == (204, 0)


def test_a_push_address_inside_our_network_answers_400(a_user, as_user):
    browser = Browser()
    keys = {"p256dh": browser.p256dh, "auth": browser.auth}

    answer = as_user(a_user()).post(
        "/api/push-subscriptions", {"endpoint": "https://10.0.0.1/1", "keys": keys}
    )

    assert (answer.status_code, list(answer.json())) == (400, ["endpoint"])
