"""The API to one's password and logins."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.logins.models import ActiveLogin
from tests.unit.accounts.conftest import PASSWORD

NEW = "another horse, another battery"
BODY = {"password": PASSWORD, "new_password": NEW}


def a_browser(user):
    browser = Client()
    browser.force_login(user)
    return browser


def status(client):
    return client.get("/api/account").status_code


def change(client, **body):
    return client.post("/api/account/password", {**BODY, **body}, content_type="application/json")


def by_api(client, **body):
    return client.post("/api/account/password", {**BODY, **body})


def test_by_token_every_other_login_ends_and_the_token_stays(a_user, logged_in):
    user = a_user()
    mine, other, browser = logged_in(user), logged_in(user), a_browser(user)

    answer = by_api(mine)

    assert (answer.status_code, list(answer.json())) == (200, ["detail"])
    assert (status(mine), status(other), status(browser)) == (200, 401, 401)


def test_by_session_every_other_login_ends_and_the_session_stays_under_another_key(a_user, logged_in):
    user = a_user()
    token, other, mine = logged_in(user), a_browser(user), a_browser(user)
    key = mine.session.session_key

    answer = change(mine)

    assert answer.status_code == 200
    assert (status(mine), status(other), status(token)) == (200, 401, 401)
    assert mine.cookies["offstage_session"].value != key
    assert ActiveLogin.objects.count() == 1


def test_a_token_beside_the_cookie_of_another_session_keeps_the_token_alone(a_user, logged_in):
    user = a_user()
    both, browser = logged_in(user), a_browser(user)
    both.cookies = browser.cookies.copy()

    assert by_api(both).status_code == 200

    assert (status(both), status(browser)) == (200, 401)


def test_the_new_password_logs_in_and_the_old_one_does_not(a_user, logged_in, api):
    by_api(logged_in(a_user()))

    old, new = [
        api.post("/api/login", {"email": "ada@example.org", "password": each}).status_code
        for each in (PASSWORD, NEW)
    ]

    assert (old, new) == (400, 200)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"password": "wrong"}, "password"),
        ({"new_password": "short"}, "new_password"),
        ({"new_password": ""}, "new_password"),
        ({"new_password": "ada@example.org"}, "new_password"),
    ],
)
def test_what_is_refused_is_named_and_ends_nothing(a_user, logged_in, body, field):
    user = a_user()
    mine, other = logged_in(user), logged_in(user)

    answer = by_api(mine, **body)

    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert status(other) == 200


def test_strangers_change_and_see_nothing(api, db):
    assert by_api(api).status_code == 401
    assert api.get("/api/account/sessions").status_code == 401
    assert api.delete(f"/api/account/sessions/{uuid.uuid4()}").status_code == 401


def test_a_cookie_alone_changes_no_password_without_a_csrf_token(a_user):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(a_user())

    assert change(browser).status_code == 403


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
