"""Switching two-factor authentication on and off."""

import pytest
from django.test import Client
from django.utils import timezone

from accounts.errors import TwoFactorState, WrongCode, WrongPassword
from accounts.logins import two_factor, two_factor_setup
from accounts.logins.models import ActiveLogin, RecoveryCode, TwoFactor
from tests.unit.accounts.conftest import PASSWORD
from tests.unit.accounts.logins.test_two_factor import STEP, code_at, switched_on


def test_it_is_begun_with_the_password_only(a_user):
    with pytest.raises(WrongPassword):
        two_factor_setup.begin(None, a_user(), "wrong", timezone.now())

    assert not TwoFactor.objects.exists()


def test_the_key_is_shown_until_it_is_confirmed_and_kept_sealed(a_user):
    user = a_user()
    two_factor_setup.begin(None, user, PASSWORD, timezone.now())

    key = two_factor_setup.key_of(user)

    assert len(key.text) == 32
    assert (
        key.uri
        == f"otpauth://totp/Offstage:ada%40example.org?digits=6&secret={key.text}&algorithm=SHA1&issuer=Offstage&period=30"
    )
    assert key.text not in str(TwoFactor.objects.values().get())
    two_factor_setup.confirm(user, code_at(timezone.now()), None, timezone.now())
    assert two_factor_setup.key_of(user) is None


def test_beginning_again_makes_another_key(a_user):
    user = a_user()
    two_factor_setup.begin(None, user, PASSWORD, timezone.now())
    first = two_factor_setup.key_of(user)

    two_factor_setup.begin(None, user, PASSWORD, timezone.now())

    assert two_factor_setup.key_of(user) != first


def test_a_wrong_code_does_not_switch_it_on(a_user):
    user = a_user()
    two_factor_setup.begin(None, user, PASSWORD, timezone.now())

    with pytest.raises(WrongCode):
        two_factor_setup.confirm(user, "000000", None, timezone.now())

    assert not two_factor.is_on(user)
    assert not RecoveryCode.objects.exists()


def test_switching_on_ends_logins_that_needed_no_code_but_the_one_that_asked(a_user, logged_in, asked_for):
    user = a_user()
    mine, browser = logged_in(user), Client()
    kept = ActiveLogin.objects.get().pk
    browser.force_login(user)
    now = timezone.now()
    two_factor_setup.begin(None, user, PASSWORD, now)

    two_factor_setup.confirm(user, code_at(now), kept, now)

    assert [each.get("/api/account").status_code for each in (mine, browser)] == [200, 401]
    assert asked_for("accounts.send_notice") == [[str(user.pk), "two_factor_on"]]


def test_what_is_on_is_neither_begun_nor_confirmed_again(a_user):
    user = a_user()
    switched_on(user)
    now = timezone.now()

    with pytest.raises(TwoFactorState):
        two_factor_setup.begin(None, user, PASSWORD, now)
    with pytest.raises(TwoFactorState):
        two_factor_setup.confirm(user, code_at(now), None, now)


@pytest.mark.parametrize(("password", "code"), [("wrong", None), (PASSWORD, "000000")])
def test_switching_off_needs_password_and_code(a_user, password, code):
    user = a_user()
    switched_on(user)
    now = timezone.now()

    with pytest.raises((WrongPassword, WrongCode)):
        two_factor_setup.switch_off(None, user, password, code or code_at(now), now)

    assert two_factor.is_on(user)


def test_switched_off_leaves_nothing_and_its_owner_is_told(a_user, asked_for):
    user = a_user()
    switched_on(user)
    now = timezone.now()

    two_factor_setup.switch_off(None, user, PASSWORD, code_at(now), now)
    two_factor_setup.remove(user.pk)

    assert not two_factor.is_on(user)
    assert not RecoveryCode.objects.exists()
    assert asked_for("accounts.send_notice").count([str(user.pk), "two_factor_off"]) == 1


def test_old_recovery_codes_end_when_it_is_switched_on_again(a_user):
    user = a_user()
    old = switched_on(user)[0]
    two_factor_setup.remove(user.pk)
    switched_on(user)

    with pytest.raises(WrongCode):
        two_factor.prove(user, old, timezone.now() + STEP)
