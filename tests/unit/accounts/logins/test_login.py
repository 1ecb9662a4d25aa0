import re
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.db import connection, connections
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from knox.models import AuthToken

from accounts.account_deletion import deletion
from accounts.errors import NotVerified, TooManyFailures, WrongCredentials, WrongPassword
from accounts.logins import login, two_factor_setup
from accounts.logins.models import TwoFactor
from accounts.mail import mailed_tokens
from accounts.mail.models import TokenPurpose
from accounts.models import User
from accounts.password_checks import lockout
from accounts.password_checks.models import KnownClient, LoginFailures
from accounts.passwords import password_reset
from tests.unit.accounts.conftest import PASSWORD


def request_from(client="192.0.2.1"):
    return RequestFactory().post("/api/login", REMOTE_ADDR=client)


def fail(times, email="ada@example.org", client="192.0.2.1"):
    for _ in range(times):
        with pytest.raises(WrongCredentials):
            login.log_in(request_from(client), email, "wrong")


def test_the_right_password_gives_a_token_of_which_a_hash_is_kept(a_user):
    user = a_user()

    token, expires_at = login.log_in(request_from(), "ADA@example.org", PASSWORD)

    row = AuthToken.objects.get(user=user)
    assert expires_at == row.expiry
    assert expires_at > timezone.now()
    assert token != row.digest
    user.refresh_from_db()
    assert user.last_login is not None


def test_a_wrong_password_is_refused(a_user):
    a_user()

    fail(1)

    assert not AuthToken.objects.exists()


@pytest.mark.django_db
def test_an_unknown_address_is_refused_in_the_same_words(a_user):
    a_user()
    with pytest.raises(WrongCredentials) as for_known:
        login.log_in(request_from(), "ada@example.org", "wrong")
    with pytest.raises(WrongCredentials) as for_unknown:
        login.log_in(request_from(), "nobody@example.org", "wrong")

    assert for_known.value.detail == for_unknown.value.detail


def test_a_wrong_password_takes_the_same_statements_for_a_known_and_an_unknown_address(a_user):
    a_user()
    shapes = []
    for address in ("ada@example.org", "nobody@example.org"):
        with CaptureQueriesContext(connection) as captured:
            fail(1, address)
        shapes.append([re.split(r" SET| WHERE|VALUES|lower", query["sql"])[0] for query in captured])

    assert shapes[0] == shapes[1]
    assert len(shapes[0]) > 4


def test_the_right_password_of_an_unverified_address_is_told_so(a_user):
    a_user(verified=False)

    with pytest.raises(NotVerified):
        login.log_in(request_from(), "ada@example.org", PASSWORD)


def test_a_wrong_password_of_an_unverified_address_is_just_wrong(a_user):
    a_user(verified=False)

    fail(1)


def test_an_inactive_user_cannot_log_in(a_user):
    a_user(is_active=False)

    with pytest.raises(WrongCredentials):
        login.log_in(request_from(), "ada@example.org", PASSWORD)


def test_after_ten_failures_even_the_right_password_is_refused(a_user):
    a_user()
    fail(10)

    with pytest.raises(TooManyFailures) as refusal:
        login.log_in(request_from(), "ada@example.org", PASSWORD)

    assert refusal.value.retry_after == pytest.approx(15 * 60, abs=30)


def test_failures_are_counted_whatever_the_case_of_the_address(a_user, settings):
    settings.LOGIN_MAX_FAILURES = 2
    a_user()
    fail(1, "ada@example.org")
    fail(1, "ADA@EXAMPLE.ORG")

    with pytest.raises(TooManyFailures):
        login.log_in(request_from(), "Ada@example.org", PASSWORD)


@pytest.mark.django_db
def test_an_unknown_address_is_locked_like_a_known_one(settings):
    settings.LOGIN_MAX_FAILURES = 2
    fail(2, "nobody@example.org")

    with pytest.raises(TooManyFailures):
        login.log_in(request_from(), "nobody@example.org", "wrong")


def test_nobody_locks_the_owner_out_from_elsewhere(a_user, settings):
    settings.LOGIN_MAX_FAILURES = 2
    a_user()
    fail(2, client="192.0.2.66")

    assert login.log_in(request_from("192.0.2.1"), "ada@example.org", PASSWORD)


def test_the_right_password_forgives_earlier_failures(a_user):
    a_user()
    fail(9)
    login.log_in(request_from(), "ada@example.org", PASSWORD)

    fail(10)


def test_failures_are_forgotten_after_a_quarter_of_an_hour(a_user, settings):
    settings.LOGIN_MAX_FAILURES = 2
    a_user()
    fail(2)
    LoginFailures.objects.update(last_at=timezone.now() - lockout.remembered_for())

    assert login.log_in(request_from(), "ada@example.org", PASSWORD)


def test_a_try_while_locked_does_not_lengthen_the_lock(a_user, settings):
    settings.LOGIN_MAX_FAILURES = 1
    a_user()
    fail(1)
    before = set(LoginFailures.objects.values_list("last_at", "failures"))

    with pytest.raises(TooManyFailures):
        login.log_in(request_from(), "ada@example.org", PASSWORD)

    assert set(LoginFailures.objects.values_list("last_at", "failures")) == before


@pytest.mark.django_db
def test_the_rows_of_failures_name_nobody():
    fail(1)

    rows = str(list(LoginFailures.objects.values()))
    assert "failures" in rows
    assert "ada" not in rows
    assert "192.0.2.1" not in rows


@pytest.mark.django_db(transaction=True)
def test_of_twelve_guesses_at_once_no_more_than_the_limit_are_tried(settings):
    settings.LOGIN_MAX_FAILURES = 5
    start = Barrier(12)
    refusals = []

    def guess():
        start.wait()
        try:
            login.log_in(request_from(), "ada@example.org", "wrong")
        except (WrongCredentials, TooManyFailures) as refusal:
            refusals.append(type(refusal))
        finally:
            connections.close_all()

    threads = [Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert refusals.count(WrongCredentials) == 5
    assert refusals.count(TooManyFailures) == 7


@pytest.mark.parametrize("other_form", ["\u0130NES@example.org", "\u0130nes@EXAMPLE.org"])
def test_an_address_that_python_folds_differently_than_the_database_has_one_count(
    a_user, settings, other_form
):
    settings.LOGIN_MAX_FAILURES = 2
    user = a_user("\u0130nes@example.org")
    forms = [form for form in (user.email, other_form) if User.objects.with_address(form).exists()]
    assert len(forms) == 2
    fail(1, forms[0])
    fail(1, forms[1])

    with pytest.raises(TooManyFailures):
        login.log_in(request_from(), user.email, PASSWORD)


def test_guesses_from_many_clients_end_at_the_budget_of_the_account(a_user, settings):
    settings.LOGIN_MAX_FAILURES_PER_ACCOUNT = 4
    a_user()
    for number in range(4):
        fail(1, client=f"192.0.2.{number}")

    with pytest.raises(TooManyFailures) as refusal:
        login.log_in(request_from("192.0.2.99"), "ada@example.org", PASSWORD)

    assert refusal.value.retry_after == pytest.approx(60 * 60, abs=30)


def test_the_budget_of_the_account_is_that_of_an_unknown_address_too(db, settings):
    settings.LOGIN_MAX_FAILURES_PER_ACCOUNT = 2
    for number in range(2):
        fail(1, "nobody@example.org", client=f"192.0.2.{number}")

    with pytest.raises(TooManyFailures):
        login.log_in(request_from("192.0.2.99"), "NOBODY@example.org", PASSWORD)


def test_a_client_that_has_logged_in_is_not_locked_out_by_strangers(a_user, settings):
    settings.LOGIN_MAX_FAILURES_PER_ACCOUNT = 3
    a_user()
    login.log_in(request_from("192.0.2.1"), "ada@example.org", PASSWORD)
    for number in range(3):
        fail(1, client=f"198.51.100.{number}")

    assert login.log_in(request_from("192.0.2.1"), "ada@example.org", PASSWORD)


def test_a_client_that_reset_the_password_is_not_locked_out_by_strangers(a_user, settings):
    settings.LOGIN_MAX_FAILURES_PER_ACCOUNT = 3
    user = a_user()
    for number in range(3):
        fail(1, client=f"198.51.100.{number}")
    token = mailed_tokens.issue(user, TokenPurpose.RESET, timezone.now())

    password_reset.reset(token, "an entirely new passphrase", timezone.now(), "192.0.2.1")

    assert login.log_in(request_from("192.0.2.1"), "ada@example.org", "an entirely new passphrase")


def test_a_new_password_makes_every_other_client_unknown(a_user):
    user = a_user()
    login.log_in(request_from("192.0.2.66"), user.email, PASSWORD)

    password_reset.replace(user, "hash", timezone.now())

    assert not KnownClient.objects.exists()


def test_the_owners_logins_give_strangers_no_new_guesses(a_user, settings):
    settings.LOGIN_MAX_FAILURES_PER_ACCOUNT = 3
    a_user()
    fail(1, client="198.51.100.1")
    fail(1, client="198.51.100.2")
    login.log_in(request_from("192.0.2.1"), "ada@example.org", PASSWORD)
    login.log_in(request_from("192.0.2.2"), "ada@example.org", PASSWORD)
    fail(1, client="198.51.100.3")

    with pytest.raises(TooManyFailures):
        login.log_in(request_from("198.51.100.4"), "ada@example.org", PASSWORD)


def test_a_login_with_a_hash_of_old_parameters_stores_it_anew(a_user, settings):
    user = a_user()
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.ScryptPasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]

    login.log_in(request_from(), user.email, PASSWORD)

    user.refresh_from_db()
    assert user.password.startswith("scrypt$")
    assert user.check_password(PASSWORD)


def test_an_upgraded_hash_does_not_bring_back_a_password_that_was_reset_meanwhile(a_user, settings):
    user = a_user()
    stale = User.objects.get(pk=user.pk)
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.ScryptPasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    User.objects.filter(pk=user.pk).update(password="of the reset")

    login.prove_password(request_from(), stale, PASSWORD)

    user.refresh_from_db()
    assert user.password == "of the reset"


def test_confirming_with_the_password_counts_as_a_login_does(a_user, settings):
    settings.LOGIN_MAX_FAILURES = 2
    user = a_user()
    fail(1)
    with pytest.raises(WrongPassword):
        login.prove_password(request_from(), user, "wrong")

    with pytest.raises(TooManyFailures):
        login.prove_password(request_from(), user, PASSWORD)


def test_the_right_password_confirms_and_forgives(a_user, settings):
    settings.LOGIN_MAX_FAILURES = 2
    user = a_user()
    fail(1)

    login.prove_password(request_from(), user, PASSWORD)

    fail(2)


@pytest.mark.parametrize("path", ["/admin/login/", "/login"])
def test_a_client_has_one_limit_of_logins_wherever_it_tries(a_user, api, client, settings, path):
    settings.THROTTLES = {"login": "2/minute"}
    a_user(is_staff=True)
    address = f"198.51.{uuid4().int % 250}.{uuid4().int % 250}"
    body = {"email": "ada@example.org", "password": "wrong"}
    for _ in range(2):
        assert api.post("/api/login", body, REMOTE_ADDR=address).status_code == 400

    form = {"username": "ada@example.org", "email": "ada@example.org", "password": PASSWORD}
    refused = client.post(path, form, REMOTE_ADDR=address)

    assert refused.status_code == 429


@pytest.mark.django_db(transaction=True)
def test_right_passwords_at_once_do_not_refuse_each_other(a_user):
    user = a_user()
    start = Barrier(8)
    failures = []

    def confirm():
        start.wait()
        try:
            for _ in range(10):
                login.prove_password(request_from(), user, PASSWORD)
        except (WrongPassword, TooManyFailures) as refusal:
            failures.append(refusal)
        finally:
            connections.close_all()

    threads = [Thread(target=confirm) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


def test_the_admins_login_is_locked_by_the_same_count(a_user, client, settings):
    settings.LOGIN_MAX_FAILURES = 1
    a_user(is_staff=True)
    form = {"username": "ada@example.org", "password": "wrong"}

    first = client.post("/admin/login/", form)
    second = client.post("/admin/login/", {**form, "password": PASSWORD})

    assert first.status_code == 200
    assert second.status_code == 429


def test_logging_out_ends_this_login_alone_and_twice_is_as_once(a_user):
    user = a_user()
    login.log_in(request_from(), user.email, PASSWORD)
    login.log_in(request_from(), user.email, PASSWORD)
    ended, kept = AuthToken.objects.order_by("created")

    login.log_out(ended)
    login.log_out(ended)

    assert list(AuthToken.objects.all()) == [kept]


@pytest.fixture
def password_replaced_at_the_end_of_comparing(monkeypatch, settings):
    """A hasher of which each comparison ends after another password was set."""

    class Slow(MD5PasswordHasher):
        def verify(self, password, encoded):
            is_right = super().verify(password, encoded)
            User.objects.update(password=make_password("a new passphrase of the owner"))
            return is_right

    settings.PASSWORD_HASHERS = [f"{__name__}.SlowHasher"]
    monkeypatch.setitem(globals(), "SlowHasher", Slow)


@pytest.mark.usefixtures("password_replaced_at_the_end_of_comparing")
def test_a_login_that_began_before_a_change_of_password_does_not_end_after_it(a_user):
    a_user()

    with pytest.raises(WrongCredentials):
        login.log_in(request_from(), "ada@example.org", PASSWORD)

    assert not AuthToken.objects.exists()


@pytest.mark.usefixtures("password_replaced_at_the_end_of_comparing")
def test_an_act_is_not_confirmed_by_a_password_that_was_replaced_meanwhile(a_user):
    user = a_user()

    with pytest.raises(WrongPassword):
        deletion.request_deletion(request_from(), user, PASSWORD)
    with pytest.raises(WrongPassword):
        two_factor_setup.begin(request_from(), User.objects.get(), PASSWORD, timezone.now())

    user.refresh_from_db()
    assert user.is_active
    assert not TwoFactor.objects.exists()
