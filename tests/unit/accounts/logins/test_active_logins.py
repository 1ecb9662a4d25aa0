"""Logins: recorded, listed, ended."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from accounts import queries
from accounts.logins import active_logins
from accounts.logins.models import ActiveLogin, Session
from tests.unit.accounts.conftest import PASSWORD

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def a_session(user, **headers):
    client = Client(headers=headers)
    client.force_login(user)
    return client


def works(client):
    return client.get("/api/account").status_code == 200


def test_a_login_by_session_and_one_by_token_are_both_recorded(a_user, logged_in):
    user = a_user()
    a_session(user)
    logged_in(user)

    logins = queries.living_logins_of(user.pk, timezone.now())
    assert [login.kind for login in logins] == ["token", "session"]


def test_the_client_is_named_shortened_and_without_control_characters(a_user, rf):
    request = rf.get("/", headers={"User-Agent": "Browser\x00/1 " + "x" * 500})

    named = active_logins.client_of(request)

    assert named.startswith("Browser/1 xxx")
    assert len(named) == 200


def test_ending_a_login_ends_its_session_and_no_other(a_user):
    user = a_user()
    first, second = a_session(user), a_session(user)
    ended, kept = ActiveLogin.objects.order_by("created_at")

    assert active_logins.end(queries.logins_of(user.pk).filter(pk=ended.pk)) == 1
    assert active_logins.end(queries.logins_of(user.pk).filter(pk=ended.pk)) == 0

    assert (works(first), works(second)) == (False, True)
    assert list(ActiveLogin.objects.all()) == [kept]


def test_ending_a_login_ends_its_token(a_user, logged_in):
    client = logged_in(a_user())

    active_logins.end_one(ActiveLogin.objects.get())

    assert not works(client)
    assert not AuthToken.objects.exists()


def test_ending_all_but_one_keeps_that_one(a_user, logged_in):
    user, other = a_user(), a_user("b@example.org")
    kept, session, stranger = logged_in(user), a_session(user), a_session(other)
    AuthToken.objects.create(user)  # of an older release: without a login
    kept_id = ActiveLogin.objects.get(kind="token").pk

    active_logins.end_all(user.pk, but=kept_id)

    assert (works(kept), works(session), works(stranger)) == (True, False, True)
    assert AuthToken.objects.filter(user=user).count() == 1


def test_a_token_of_an_older_release_is_recorded_when_it_is_used(a_user, api):
    row, token = AuthToken.objects.create(a_user())

    assert api.get("/api/account", headers={"Authorization": f"Bearer {token}"}).status_code == 200

    login = ActiveLogin.objects.get(token=row)
    assert (login.created_at, login.expires_at) == (row.created, row.expiry)


def test_logging_out_forgets_the_login_of_a_session(a_user):
    client = a_session(a_user())

    client.post("/api/logout")

    assert not ActiveLogin.objects.exists()
    assert not Session.objects.exists()


def test_logging_in_again_gives_another_key_and_ends_the_earlier_login(a_user):
    user = a_user()
    client = a_session(user)
    before = client.session.session_key

    client.force_login(user)

    assert client.session.session_key != before
    assert not Session.objects.filter(pk=before).exists()
    assert ActiveLogin.objects.count() == 1
    assert works(client)


def test_a_key_that_was_planted_before_the_login_is_worth_nothing_after_it(a_user):
    a_user()
    victim = Client()
    planted = victim.session
    planted.save()
    victim.cookies.load({"offstage_session": str(planted.session_key)})

    victim.post("/login", {"email": "ada@example.org", "password": PASSWORD})

    assert works(victim)
    attacker = Client()
    attacker.cookies.load({"offstage_session": str(planted.session_key)})
    assert not works(attacker)


def test_a_token_that_was_idle_too_long_ends(a_user, logged_in, settings):
    client = logged_in(a_user())
    idle = timedelta(days=settings.TOKEN_IDLE_DAYS)
    ActiveLogin.objects.update(last_used_at=timezone.now() - idle - MINUTE)

    assert client.get("/api/account").status_code == 401
    assert not AuthToken.objects.exists()


def test_a_token_ends_when_its_time_is_over_used_or_not(a_user, logged_in):
    client = logged_in(a_user())
    AuthToken.objects.update(expiry=timezone.now() - MINUTE)

    assert client.get("/api/account").status_code == 401


def test_a_use_is_noted_and_not_at_each_request(a_user, logged_in, django_assert_max_num_queries):
    client = logged_in(a_user())
    long_ago = timezone.now() - DAY
    ActiveLogin.objects.update(last_used_at=long_ago)

    client.get("/api/account")
    noted = ActiveLogin.objects.get().last_used_at
    client.get("/api/account")

    assert noted > long_ago
    assert ActiveLogin.objects.get().last_used_at == noted


@pytest.mark.parametrize(
    "change",
    [
        {"expires_at": timezone.now() - MINUTE, "created_at": timezone.now() - DAY},
        {"last_used_at": timezone.now() - DAY},
    ],
)
def test_a_login_is_alive_until_it_expires_and_asking_is_a_use(a_user, change):
    a_session(a_user())
    login = ActiveLogin.objects.get()
    ActiveLogin.objects.update(**change)
    now = timezone.now()

    alive = active_logins.is_alive(login.pk, now)

    assert alive == ("last_used_at" in change)
    if alive:
        assert ActiveLogin.objects.get().last_used_at == now


def test_a_login_whose_user_is_gone_is_not_alive(a_user, logged_in):
    user = a_user()
    logged_in(user)
    user.is_active = False
    user.save()

    assert not active_logins.is_alive(ActiveLogin.objects.get().pk, timezone.now())


def test_expired_logins_and_those_without_a_session_are_deleted(a_user, logged_in):
    user = a_user()
    a_session(user)
    Session.objects.all().delete()
    logged_in(user)
    ActiveLogin.objects.filter(kind="token").update(
        created_at=timezone.now() - DAY, expires_at=timezone.now() - MINUTE
    )
    a_session(user)

    assert active_logins.forget_expired(timezone.now()) == 2
    assert active_logins.forget_expired(timezone.now()) == 0

    assert ActiveLogin.objects.count() == 1
    assert not AuthToken.objects.exists()


def test_the_migration_records_the_tokens_that_there_are(a_user):
    row, _ = AuthToken.objects.create(a_user())

    import_module("accounts.migrations.0004_logins").record_tokens(apps, None)

    login = ActiveLogin.objects.get()
    assert (login.token_id, login.kind, login.expires_at) == (row.pk, "token", row.expiry)
