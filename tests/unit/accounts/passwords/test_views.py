"""The API as its users see it."""

import pytest
from django.test import Client
from django.utils import timezone

from accounts.logins.models import ActiveLogin
from accounts.mail import mailed_tokens
from accounts.mail.models import TokenPurpose
from tests.unit.accounts.conftest import PASSWORD


def test_a_new_password_is_confirmed_with_200_and_a_weak_one_refused(a_user, api):
    token = mailed_tokens.issue(a_user(), TokenPurpose.RESET, timezone.now())

    weak = api.post("/api/password-reset/confirm", {"token": token, "password": "short"})
    done = api.post("/api/password-reset/confirm", {"token": token, "password": "an entirely new one"})
    again = api.post("/api/password-reset/confirm", {"token": token, "password": "an entirely new one"})

    assert (weak.status_code, list(weak.json())) == (400, ["password"])
    assert done.status_code == 200
    assert (again.status_code, list(again.json())) == (400, ["token"])


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


def test_a_cookie_alone_changes_no_password_without_a_csrf_token(a_user):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(a_user())

    assert change(browser).status_code == 403
