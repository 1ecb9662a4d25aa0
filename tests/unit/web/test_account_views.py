import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from accounts.mail import mailed_tokens
from accounts.mail.models import TokenPurpose

from .conftest import PASSWORD

pytestmark = pytest.mark.django_db


def fields(**changes):
    return {"email": "ada@example.org", "password": PASSWORD, "name": "Ada"} | changes


def is_logged_in(browser) -> bool:
    return browser.get("/account").status_code == 200


def test_signing_up_makes_a_user_and_asks_for_the_mail(browser, asked_for):
    answer = browser.send("/signup", fields())

    assert answer.headers["Location"] == "/mail-sent"
    assert get_user_model().objects.get().email == "ada@example.org"
    assert asked_for() == ["accounts.send_verification"]


def test_a_taken_address_gets_the_same_answer_and_its_owner_a_mail(browser, a_user, asked_for):
    a_user()

    answer = browser.send("/signup", fields())

    assert answer.headers["Location"] == "/mail-sent"
    assert asked_for() == ["accounts.warn_owner"]


def test_a_weak_password_is_said_at_its_field_and_not_shown_again(browser):
    answer = browser.send("/signup", fields(password="12345"))

    assert answer.status_code == 400
    assert "This password is too short" in answer.text
    assert "12345" not in answer.text
    assert 'value="ada@example.org"' in answer.text
    assert not get_user_model().objects.exists()


def test_more_sign_ups_than_allowed_are_429_on_the_page_too(browser, settings):
    settings.THROTTLES = {"signup": "1/hour"}
    browser.send("/signup", fields(), REMOTE_ADDR="10.9.8.7")

    answer = browser.send("/signup", fields(email="bob@example.org"), REMOTE_ADDR="10.9.8.7")

    assert answer.status_code == 429
    assert "Too many requests" in answer.text


def test_the_mails_link_only_shows_a_button(browser, a_user):
    user = a_user(verified=False)
    token = mailed_tokens.issue(user, TokenPurpose.VERIFY, timezone.now())

    for _ in range(3):
        assert "Verify my address" in browser.get(f"/verify-email?token={token}", follow=True).text

    user.refresh_from_db()
    assert not user.is_verified


def test_the_button_verifies_once(browser, a_user):
    user = a_user(verified=False)
    token = mailed_tokens.issue(user, TokenPurpose.VERIFY, timezone.now())

    first = browser.send("/verify-email", {"token": token})
    second = browser.send("/verify-email", {"token": token})

    user.refresh_from_db()
    assert user.is_verified
    assert (first.status_code, first.headers["Location"]) == (302, "/login")
    assert second.status_code == 400
    assert "Have a new link sent" in second.text


def test_logging_in_begins_a_session(browser, a_user):
    a_user()

    answer = browser.send("/login", fields())

    assert answer.headers["Location"] == "/videos"
    assert is_logged_in(browser)


def test_a_session_is_enough_for_the_api(browser, a_user):
    a_user()
    browser.send("/login", fields())

    assert browser.get("/api/account").json()["email"] == "ada@example.org"


def test_a_wrong_password_begins_none(browser, a_user):
    a_user()

    answer = browser.send("/login", fields(password="wrong"))

    assert answer.status_code == 400
    assert "Wrong email or password." in answer.text
    assert not is_logged_in(browser)


def test_an_address_that_was_not_verified_cannot_log_in(browser, a_user):
    a_user(verified=False)

    answer = browser.send("/login", fields())

    assert answer.status_code == 403
    assert not is_logged_in(browser)


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [("/account", "/account"), ("//evil.example", "/videos"), ("https://evil.example/", "/videos")],
)
def test_logging_in_leads_back_but_never_off_the_site(browser, a_user, wanted, goes_to):
    a_user()

    assert browser.send("/login", fields(next=wanted)).headers["Location"] == goes_to


def test_a_form_of_another_site_is_refused(browser):
    answer = browser.post("/signup", fields())

    assert answer.status_code == 403
    assert "Please try again" in answer.text
    assert not get_user_model().objects.exists()


def test_logging_out_ends_the_session_and_a_link_cannot(as_user, a_user):
    browser = as_user(a_user())
    by_link = browser.get("/logout").status_code

    browser.send("/account", action="/logout")

    assert by_link == 405
    assert not is_logged_in(browser)


def test_a_reset_link_sets_a_password_once(browser, a_user):
    user = a_user()
    token = mailed_tokens.issue(user, TokenPurpose.RESET, timezone.now())
    sent = {"token": token, "password": "another horse battery"}

    first = browser.send("/reset-password", sent)
    second = browser.send("/reset-password", sent)

    user.refresh_from_db()
    assert user.check_password("another horse battery")
    assert (first.status_code, second.status_code) == (302, 400)


@pytest.mark.parametrize("path", ["/forgot-password", "/send-again"])
@pytest.mark.parametrize("email", ["ada@example.org", "nobody@example.org"])
def test_asking_for_a_mail_tells_nothing_about_accounts(browser, a_user, path, email):
    a_user(verified=path == "/forgot-password")

    assert browser.send(path, {"email": email}).headers["Location"] == "/mail-sent"


def test_a_user_can_have_another_name(as_user, a_user):
    user = a_user()

    as_user(user).send("/account", {"name": "Countess"})

    user.refresh_from_db()
    assert user.name == "Countess"


@pytest.mark.parametrize("path", ["/account", "/account/delete", "/videos", "/videos/upload"])
def test_a_stranger_is_sent_to_log_in_first(browser, path):
    assert browser.get(path).headers["Location"] == f"/login?next={path}"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/signup",
        "/mail-sent",
        "/login",
        "/verify-email",
        "/send-again",
        "/forgot-password",
        "/reset-password",
    ],
)
def test_each_page_has_one_heading_and_a_way_past_the_navigation(browser, path):
    page = browser.get(path).text

    assert page.count("<h1") == 1
    assert 'class="skip" href="#main"' in page
    assert "<style" not in page
    assert " style=" not in page
