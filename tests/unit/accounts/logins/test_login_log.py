import pytest
from django.conf import settings
from django.test import Client
from django.test.client import MULTIPART_CONTENT

from accounts.logins.sessions import SessionStore
from tests.unit.accounts.conftest import PASSWORD


@pytest.fixture
def lines(caplog):
    """Return a function that returns the lines of an event."""
    caplog.set_level("INFO")
    return lambda event: [
        record.msg
        for record in caplog.records
        if isinstance(record.msg, dict) and record.msg.get("event") == event
    ]


def log_in(path, **fields):
    client = Client()
    client.post(path, fields)
    return client


@pytest.mark.parametrize(
    ("path", "name"), [("/api/login", "email"), ("/login", "email"), ("/admin/login/", "username")]
)
def test_a_wrong_password_is_logged_by_the_users_id(a_user, lines, path, name):
    user = a_user(is_staff=True)

    Client().post(path, {name: user.email, "password": "wrong horse"}, content_type=type_of(path))

    (line,) = lines("login_failed")
    assert (line["user_id"], line["level"]) == (str(user.pk), "warning")
    assert line["request_id"]
    assert user.email not in str(line)
    assert "wrong horse" not in str(line)


def type_of(path):
    return "application/json" if path.startswith("/api/") else MULTIPART_CONTENT


def test_a_wrong_password_for_an_unknown_address_is_logged_without_it(db, lines):
    log_in("/login", email="nobody@example.org", password="wrong horse")

    (line,) = lines("login_failed")
    assert line["user_id"] is None
    assert "nobody@example.org" not in str(line)


def test_a_session_is_logged_from_its_start_to_its_end(a_user, lines):
    user = a_user()

    log_in("/login", email=user.email, password=PASSWORD).post("/logout")

    assert [line["user_id"] for line in lines("session_started")] == [str(user.pk)]
    assert [line["user_id"] for line in lines("session_ended")] == [str(user.pk)]


def test_a_login_by_token_is_logged(a_user, logged_in, lines):
    user = a_user()

    logged_in(user).post("/api/logout")

    assert [line["user_id"] for line in lines("login_accepted")] == [str(user.pk)]
    assert [line["user_id"] for line in lines("logout_accepted")] == [str(user.pk)]


def test_a_session_of_before_the_login_is_not_the_one_after_it(a_user):
    user, client = a_user(), Client()
    session = client.session
    session["left"] = "by somebody else"
    session.save()
    planted = client.cookies[settings.SESSION_COOKIE_NAME].value

    client.post("/login", {"email": user.email, "password": PASSWORD})

    assert client.cookies[settings.SESSION_COOKIE_NAME].value != planted
    assert not SessionStore(planted).exists(planted)
