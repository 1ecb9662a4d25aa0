"""A mailed link's token leaves the address bar with the first response."""

import pytest
from django.utils import timezone

from accounts.mail import mailed_tokens
from accounts.mail.models import TokenPurpose

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("page", ["/verify-email", "/reset-password"])
def test_the_link_leads_to_the_page_without_its_token(browser, page):
    moved = browser.get(f"{page}?token=hunter2")
    shown = browser.get(page)

    cookie = moved.cookies["offstage_link"]
    assert (moved.status_code, moved.headers["Location"]) == (302, page)
    assert moved.headers["Referrer-Policy"] == "no-referrer"
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (page, True, "Lax")
    assert 'value="hunter2"' in shown.text


def test_a_trailing_slash_makes_no_difference(browser):
    assert browser.get("/verify-email/?token=hunter2").cookies["offstage_link"]["path"] == "/verify-email"


def test_an_endless_token_is_cut(browser):
    assert len(browser.get(f"/verify-email?token={'a' * 5000}").cookies["offstage_link"].value) == 512


def test_a_spent_token_leaves_the_browser(browser, a_user):
    user = a_user()
    token = mailed_tokens.issue(user, TokenPurpose.RESET, timezone.now())
    browser.get(f"/reset-password?token={token}")

    done = browser.send("/reset-password", {"token": token, "password": "another horse battery"})

    assert done.status_code == 302
    assert done.cookies["offstage_link"].value == ""
