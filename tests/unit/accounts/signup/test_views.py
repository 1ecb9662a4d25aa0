"""The API as its users see it."""

import pytest
from django.utils import timezone

from accounts.mail import mailed_tokens
from accounts.mail.models import TokenPurpose
from accounts.models import User
from celery_ledger.models import Job
from tests.unit.accounts.conftest import PASSWORD

SIGNUP = {"email": "ada@example.org", "password": PASSWORD, "name": "Ada"}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/signup", "/api/signup/"])
def test_signing_up_answers_201_with_and_without_a_slash(api, path):
    answer = api.post(path, SIGNUP)

    assert answer.status_code == 201
    assert answer.json()["email"] == "ada@example.org"
    assert answer.json()["detail"].startswith("Signup successful. ")


@pytest.mark.django_db
def test_a_name_is_not_asked_for(api):
    assert api.post("/api/signup", {"email": "a@example.org", "password": PASSWORD}).status_code == 201


@pytest.mark.parametrize("state", ["verified", "unverified", "inactive"])
def test_the_answer_for_a_taken_address_is_the_same_to_the_letter(a_user, api, state):
    fresh = api.post("/api/signup", SIGNUP)
    User.objects.all().delete()
    a_user(verified=state != "unverified", is_active=state != "inactive")

    taken = api.post("/api/signup", SIGNUP)

    assert (taken.status_code, taken.content) == (fresh.status_code, fresh.content)
    assert set(taken.headers) == set(fresh.headers)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "no address"}, "email"),
        ({"email": ""}, "email"),
        ({"email": f"{'a' * 250}@example.org"}, "email"),
        ({"email": "a@example.org\r\nBcc: b@example.org"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "x" * 1001}, "password"),
        ({"name": "x" * 151}, "name"),
        # Fits, and does not once it is written small.
        ({"email": "a@" + 4 * (60 * "\u0130" + ".") + "org"}, "email"),
        *(({field: 7}, field) for field in SIGNUP),
        *(({field: "a\x00b"}, field) for field in SIGNUP),
    ],
)
def test_a_bad_sign_up_answers_400_with_the_field(api, change, field):
    answer = api.post("/api/signup", {**SIGNUP, **change})

    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert all(isinstance(reason, str) for reason in answer.json()[field])
    assert not User.objects.exists()


def test_a_weak_password_is_refused_for_a_taken_address_as_well(a_user, api):
    a_user()

    assert api.post("/api/signup", {**SIGNUP, "password": "short"}).status_code == 400


@pytest.mark.django_db
def test_one_idempotency_key_signs_up_once(api):
    first = api.post("/api/signup", SIGNUP, headers={"Idempotency-Key": "k1"})
    second = api.post("/api/signup", SIGNUP, headers={"Idempotency-Key": "k1"})

    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert Job.objects.count() == 1


def test_verifying_answers_200_and_then_400(a_user, api):
    token = mailed_tokens.issue(a_user(verified=False), TokenPurpose.VERIFY, timezone.now())

    first = api.post("/api/verify-email", {"token": token})
    second = api.post("/api/verify-email", {"token": token})

    assert first.status_code == 200
    assert second.status_code == 400
    assert list(second.json()) == ["token"]
