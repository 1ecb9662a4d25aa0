"""The API to one's password and logins."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from knox.models import AuthToken

from accounts.logins.models import ActiveLogin
from tests.unit.accounts.conftest import PASSWORD
from tests.unit.accounts.passwords.test_views import a_browser, by_api, status


def test_strangers_change_and_see_nothing(api, db):
    assert by_api(api).status_code == 401
    assert api.get("/api/account/sessions").status_code == 401
    assert api.delete(f"/api/account/sessions/{uuid.uuid4()}").status_code == 401


def test_sessions_and_tokens_are_listed_newest_first_and_the_present_one_is_marked(a_user, logged_in):
    user = a_user()
    a_browser(user)
    mine = logged_in(user)
    logged_in(a_user("b@example.org"))

    shown = mine.get("/api/account/sessions").json()

    assert list(shown) == ["next", "previous", "results"]
    assert [(each["kind"], each["current"]) for each in shown["results"]] == [
        ("token", True),
        ("session", False),
    ]
    assert set(shown["results"][0]) == {
        *("id", "kind", "client", "created_at", "last_used_at", "expires_at", "current")
    }


def test_the_list_goes_on_by_cursor(a_user, logged_in):
    user = a_user()
    for _ in range(3):
        mine = logged_in(user)

    first = mine.get("/api/account/sessions?page_size=2").json()
    rest = mine.get(first["next"]).json()

    assert (len(first["results"]), len(rest["results"]), rest["next"]) == (2, 1, None)


def test_neither_a_key_nor_a_token_is_shown(a_user, logged_in):
    user = a_user()
    browser, mine = a_browser(user), logged_in(user)

    page = mine.get("/api/account/sessions").content.decode()

    assert browser.session.session_key not in page
    assert ActiveLogin.objects.get(kind="token").token_id not in page


@pytest.mark.parametrize("slash", ["", "/"])
def test_one_login_is_ended_and_the_others_stay(a_user, logged_in, slash):
    user = a_user()
    mine, other = logged_in(user), a_browser(user)
    session = ActiveLogin.objects.get(kind="session")

    assert mine.delete(f"/api/account/sessions/{session.pk}{slash}").status_code == 204
    assert mine.delete(f"/api/account/sessions/{session.pk}{slash}").status_code == 404

    assert (status(mine), status(other)) == (200, 401)


def test_ones_own_login_can_be_ended(a_user, logged_in):
    mine = logged_in(a_user())

    mine.delete(f"/api/account/sessions/{ActiveLogin.objects.get().pk}")

    assert status(mine) == 401


def test_the_login_of_somebody_else_is_not_there(a_user, logged_in):
    theirs = logged_in(a_user("b@example.org"))
    login = ActiveLogin.objects.get()
    mine = logged_in(a_user())

    assert mine.delete(f"/api/account/sessions/{login.pk}").status_code == 404
    assert status(theirs) == 200


def test_expired_logins_are_not_listed(a_user, logged_in):
    user = a_user()
    logged_in(user)
    ActiveLogin.objects.update(created_at=timezone.now() - timedelta(days=2), expires_at=timezone.now())

    assert len(logged_in(user).get("/api/account/sessions").json()["results"]) == 1


def test_logging_in_answers_a_token_that_opens_the_account(a_user, api):
    a_user(name="Ada")

    answer = api.post("/api/login", {"email": "Ada@Example.org", "password": PASSWORD})

    assert answer.status_code == 200
    assert set(answer.json()) == {"token", "expires_at"}
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['token']}")
    account = api.get("/api/account").json()
    assert set(account) == {"id", "email", "name", "created_at"}
    assert account["name"] == "Ada"


def test_a_wrong_password_answers_400_and_an_unproven_address_403(a_user, api):
    a_user(verified=False)

    wrong = api.post("/api/login", {"email": "ada@example.org", "password": "wrong"})
    unproven = api.post("/api/login", {"email": "ada@example.org", "password": PASSWORD})

    assert wrong.status_code == 400
    assert unproven.status_code == 403
    assert set(unproven.json()) == {"detail"}


def test_the_eleventh_try_answers_429(a_user, api):
    a_user()
    body = {"email": "ada@example.org", "password": "wrong"}

    statuses = [api.post("/api/login", body).status_code for _ in range(10)]
    locked = api.post("/api/login", {**body, "password": PASSWORD})

    assert statuses == [400] * 10
    assert locked.status_code == 429
    assert int(locked.headers["Retry-After"]) > 800


def test_a_stale_token_does_not_shut_the_open_doors(a_user, api):
    a_user()
    api.credentials(HTTP_AUTHORIZATION="Bearer stale")

    assert api.post("/api/login", {"email": "ada@example.org", "password": PASSWORD}).status_code == 200


def test_logging_out_ends_the_token(a_user, logged_in):
    client = logged_in(a_user())

    assert client.post("/api/logout").status_code == 204

    assert client.get("/api/account").status_code == 401
    assert not AuthToken.objects.exists()


def test_logging_out_ends_the_session(a_user, client):
    client.force_login(a_user())

    assert client.post("/api/logout").status_code == 204

    assert client.get("/api/account").status_code == 401
