"""The page on which two-factor authentication is switched on and off."""

import re
from urllib.parse import unquote

from django.utils import timezone

from accounts.logins import two_factor
from accounts.logins.models import ActiveLogin, TwoFactor
from api import sealing
from tests.unit.web.conftest import PASSWORD, Browser

PAGE = "/account/two-factor"


def code_now():
    key = bytes.fromhex(sealing.unseal(TwoFactor.objects.get().sealed_key))
    return two_factor.totp(key).generate(int(timezone.now().timestamp())).decode()


def begin(browser, password=PASSWORD):
    return browser.send(PAGE, {"password": password}, action=f"{PAGE}/begin")


def switch_on(browser):
    begin(browser)
    return browser.send(PAGE, {"code": code_now()}, action=f"{PAGE}/confirm")


def test_a_wrong_password_begins_nothing(a_user, as_user):
    browser = as_user(a_user())

    assert begin(browser, "wrong").status_code == 400
    assert not TwoFactor.objects.exists()


def test_the_key_is_shown_as_text_and_as_a_picture_within_the_page(a_user, as_user):
    browser = as_user(a_user())
    begin(browser)

    page = browser.get(PAGE)

    assert re.search(r"<code>[A-Z2-7]{32}</code>", page.text)
    picture = unquote(re.search(r'<img src="(data:image/svg[^"]+)"', page.text)[1])
    assert picture.startswith("data:image/svg+xml")
    assert "<svg" in picture
    assert "img-src 'self' data:" in page.headers["Content-Security-Policy"]
    assert "no-store" in page.headers["Cache-Control"]


def test_a_code_switches_it_on_shows_recovery_codes_once_and_keeps_this_session(a_user, as_user):
    user = a_user()
    browser, other = as_user(user), as_user(user)

    shown = switch_on(browser)

    assert len(re.findall(r"<code>[a-z2-7]{6}(?:-[a-z2-7]{6}){3}</code>", shown.text)) == 10
    assert "no-store" in shown.headers["Cache-Control"]
    page = browser.get(PAGE)
    assert "10 recovery codes left" in page.text
    assert not re.search(r"<code>", page.text)
    assert other.get(PAGE).status_code == 302


def test_a_wrong_code_leaves_it_off_and_the_key_on_the_page(a_user, as_user):
    user = a_user()
    browser = as_user(user)
    begin(browser)

    answer = browser.send(PAGE, {"code": "000000"}, action=f"{PAGE}/confirm")

    assert answer.status_code == 400
    assert "<code>" in answer.text
    assert not two_factor.is_on(user)


def test_the_login_page_asks_for_the_code(a_user, as_user):
    user = a_user()
    switch_on(as_user(user))
    TwoFactor.objects.update(last_step=0)
    fields = {"email": user.email, "password": PASSWORD}

    without = Browser().send("/login", fields)
    with_code = Browser().send("/login", {**fields, "code": code_now()})

    assert (without.status_code, 'id="id_code_error"' in without.text) == (400, True)
    assert with_code.status_code == 302
    assert ActiveLogin.objects.count() == 2


def test_it_is_switched_off_with_password_and_code(a_user, as_user):
    user = a_user()
    browser = as_user(user)
    switch_on(browser)
    TwoFactor.objects.update(last_step=0)

    wrong = browser.send(PAGE, {"password": PASSWORD, "code": "000000"}, action=f"{PAGE}/off")
    right = browser.send(PAGE, {"password": PASSWORD, "code": code_now()}, action=f"{PAGE}/off")

    assert (wrong.status_code, right.status_code) == (400, 302)
    assert not two_factor.is_on(user)


def test_staff_is_told_that_it_is_required(a_user, as_user, settings):
    settings.STAFF_TWO_FACTOR_REQUIRED = True

    assert "Staff needs it" in as_user(a_user(is_staff=True)).get(PAGE).text
