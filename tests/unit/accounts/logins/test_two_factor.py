"""Codes that a login needs besides the password, and every way around them."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.errors import CodeRequired, TooManyFailures, WrongCode
from accounts.logins import two_factor, two_factor_setup
from accounts.logins.models import RecoveryCode, TwoFactor
from accounts.mail import mailed_tokens
from accounts.mail.models import TokenPurpose
from accounts.passwords import password_reset
from api import sealing
from tests.unit.accounts.conftest import PASSWORD

STEP = timedelta(seconds=30)


def code_at(moment):
    """Return what the user's app shows."""
    key = bytes.fromhex(sealing.unseal(TwoFactor.objects.get().sealed_key))
    return two_factor.totp(key).generate(int(moment.timestamp())).decode()


def switched_on(user, ago=10 * STEP):
    """Switch it on some time ago, and return the recovery codes."""
    then = timezone.now() - ago
    two_factor_setup.begin(None, user, PASSWORD, then)
    return two_factor_setup.confirm(user, code_at(then), None, then)


def log_in(api, **code):
    return api.post("/api/login", {"email": "ada@example.org", "password": PASSWORD, **code})


def test_without_two_factor_authentication_a_login_needs_no_code(a_user, api):
    a_user()

    assert log_in(api).status_code == 200
    assert log_in(api, code="").status_code == 200


def test_a_key_that_no_code_has_confirmed_changes_nothing(a_user, api):
    two_factor_setup.begin(None, a_user(), PASSWORD, timezone.now())

    assert log_in(api).status_code == 200


def test_with_it_the_password_alone_gives_no_token(a_user, api):
    switched_on(a_user())

    without, wrong = log_in(api), log_in(api, code="000000")
    right = log_in(api, code=code_at(timezone.now()))

    assert (without.status_code, list(without.json())) == (400, ["code"])
    assert (wrong.status_code, list(wrong.json())) == (400, ["code"])
    assert (right.status_code, "token" in right.json()) == (200, True)


def test_a_wrong_password_does_not_tell_whether_a_code_is_needed(a_user, api):
    switched_on(a_user())

    answer = api.post("/api/login", {"email": "ada@example.org", "password": "wrong"})

    assert list(answer.json()) == ["detail"]


@pytest.mark.parametrize("path", ["/login", "/admin/login/"])
def test_the_pages_and_the_admin_ask_for_the_code_as_well(a_user, path):
    switched_on(a_user(is_staff=True, is_superuser=True))
    names = {"email": "ada@example.org", "username": "ada@example.org", "password": PASSWORD}

    def status_after(**code):
        client = Client()
        client.post(path, {**names, **code})
        return client.get("/api/account").status_code

    assert status_after() == 401
    assert status_after(code="000000") == 401
    assert status_after(code=code_at(timezone.now())) == 200


def test_a_new_password_by_mail_does_not_replace_the_code(a_user, api):
    user = a_user()
    switched_on(user)
    token = mailed_tokens.issue(user, TokenPurpose.RESET, timezone.now())
    password_reset.reset(token, PASSWORD, timezone.now())

    assert log_in(api).status_code == 400


@pytest.mark.parametrize("typed", ["{}", " {} ", "{0[0]}{0[1]}{0[2]} {0[3]}{0[4]}{0[5]}"])
def test_a_code_may_be_typed_with_gaps(a_user, typed):
    user = a_user()
    switched_on(user)
    now = timezone.now()

    two_factor.prove(user, typed.format(code_at(now)), now)


@pytest.mark.parametrize(("steps", "is_right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_the_clock_of_a_phone_may_be_off_by_a_step(a_user, steps, is_right):
    user = a_user()
    switched_on(user)
    now = timezone.now()

    assert two_factor.spend_app_code(user.pk, code_at(now + steps * STEP), now) is is_right


def test_a_code_counts_once_and_none_before_it(a_user):
    user = a_user()
    switched_on(user)
    now = timezone.now()
    two_factor.prove(user, code_at(now), now)

    for used in (code_at(now), code_at(now - STEP)):
        with pytest.raises(WrongCode):
            two_factor.prove(user, used, now)


def test_the_code_that_switched_it_on_does_not_log_in(a_user):
    user = a_user()
    switched_on(user, ago=timedelta(0))
    now = timezone.now()

    with pytest.raises(WrongCode):
        two_factor.prove(user, code_at(now), now)


@pytest.mark.parametrize("code", ["", "١٢٣٤٥٦", "\x00", "é", "-", "1" * 64])
def test_what_is_no_code_is_refused(a_user, code):
    user = a_user()
    switched_on(user)

    with pytest.raises((WrongCode, CodeRequired)):
        two_factor.prove(user, code, timezone.now())


def test_codes_are_not_guessed_without_end_and_a_right_password_does_not_help(a_user, api, settings):
    settings.LOGIN_MAX_FAILURES = 3
    switched_on(a_user())

    statuses = [log_in(api, code="000000").status_code for _ in range(4)]
    locked = log_in(api, code=code_at(timezone.now()))
    TwoFactor.objects.update(last_failed_at=timezone.now() - timedelta(minutes=settings.LOGIN_LOCK_MINUTES))

    assert statuses == [400, 400, 400, 429]
    assert (locked.status_code, int(locked.headers["Retry-After"]) > 800) == (429, True)
    assert log_in(api, code=code_at(timezone.now())).status_code == 200
    assert TwoFactor.objects.get().failures == 0


def test_a_recovery_code_logs_in_once_and_its_owner_is_told(a_user, api, asked_for):
    user = a_user()
    first, second, *_ = switched_on(user)

    answers = [log_in(api, code=code).status_code for code in (first.upper(), first, second)]

    assert answers == [200, 400, 200]
    assert asked_for("accounts.send_notice").count([str(user.pk), "recovery_code_used"]) == 2
    assert two_factor.recovery_codes_left(user) == 8


def test_no_recovery_code_is_kept_in_clear(a_user):
    codes = switched_on(a_user())

    kept = str(list(RecoveryCode.objects.values()))
    assert len(set(codes)) == 10
    assert not [code for code in codes if code in kept or code.replace("-", "") in kept]


def test_the_recovery_code_of_another_user_is_worth_nothing(a_user):
    codes = switched_on(a_user())
    other = a_user("b@example.org")
    RecoveryCode.objects.filter(user=other).delete()
    TwoFactor.objects.create(user=other, sealed_key=sealing.seal("00" * 20), confirmed_at=timezone.now())

    with pytest.raises(WrongCode):
        two_factor.prove(other, codes[0], timezone.now())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_of_twenty_uses_of_one_code_at_once_one_counts(a_user, kind, settings):
    settings.LOGIN_MAX_FAILURES = 100
    user = a_user()
    codes = switched_on(user)
    now = timezone.now()
    code = code_at(now) if kind == "app" else codes[0]
    start, outcomes = Barrier(20), []

    def use():
        start.wait()
        try:
            two_factor.prove(user, code, now)
            outcomes.append("right")
        except (WrongCode, TooManyFailures):
            outcomes.append("wrong")
        finally:
            connections.close_all()

    threads = [Thread(target=use) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes.count("right") == 1
    assert outcomes.count("wrong") == 19


def test_codes_go_on_under_another_secret_key_while_the_old_one_is_a_fallback(a_user, api, settings):
    switched_on(a_user())
    code = code_at(timezone.now())
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another one", [settings.SECRET_KEY]

    assert log_in(api, code=code).status_code == 200
