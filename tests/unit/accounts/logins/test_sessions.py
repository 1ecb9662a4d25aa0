"""Session cookies that come in."""

from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.test import AsyncClient, Client
from django.utils import timezone

from accounts.logins.models import ActiveLogin, Session
from accounts.logins.sessions import SessionStore


@pytest.mark.parametrize("key", ["", "short", "\x00" * 32, "A" * 32, "a" * 31, "a" * 33, "é" * 32])
@pytest.mark.django_db
def test_a_key_that_is_none_of_ours_is_no_session_and_no_question_to_the_database(
    key, django_assert_num_queries
):
    with django_assert_num_queries(0):
        assert SessionStore(key).session_key is None


@pytest.mark.django_db
def test_a_cookie_with_a_nul_in_it_is_a_stranger():
    client = Client()
    client.cookies.load({settings.SESSION_COOKIE_NAME: "\x00" * 32})

    assert client.get("/api/account").status_code == 401


def test_a_session_of_ours_is_found_again(a_user):
    client = Client()
    client.force_login(a_user())

    assert client.get("/api/account").status_code == 200


def logged_in_since(user, ago):
    """Return a browser that logged in some time ago, and went on using the site."""
    client = Client()
    client.force_login(user)
    login = ActiveLogin.objects.get()
    session = client.session
    expires_at = login.expires_at - ago
    session["_login_expires_at"] = expires_at.isoformat()
    session.save()
    ActiveLogin.objects.update(created_at=login.created_at - ago, expires_at=expires_at)
    return client


def test_a_session_ends_when_it_is_idle(a_user, settings):
    client = Client()
    client.force_login(a_user())
    ends_in = Session.objects.get().expire_date - timezone.now()
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))

    assert ends_in <= timedelta(minutes=settings.SESSION_IDLE_MINUTES)
    assert client.get("/api/account").status_code == 401


def test_a_session_that_is_used_lasts_longer_and_is_written_once_a_minute(a_user, settings):
    client = Client()
    client.force_login(a_user())
    soon = timezone.now() + timedelta(minutes=5)
    Session.objects.update(expire_date=soon)

    client.get("/api/account")
    later = Session.objects.get().expire_date
    client.get("/api/account")

    assert later > soon + timedelta(minutes=settings.SESSION_IDLE_MINUTES - 10)
    assert Session.objects.get().expire_date == later


def test_a_use_never_moves_the_end_beyond_the_longest_life(a_user, settings):
    longest = timedelta(hours=settings.SESSION_MAX_HOURS)
    client = logged_in_since(a_user(), longest - timedelta(minutes=10))
    Session.objects.update(expire_date=timezone.now() + timedelta(minutes=1))

    assert client.get("/api/account").status_code == 200

    assert Session.objects.get().expire_date <= ActiveLogin.objects.get().expires_at
    assert ActiveLogin.objects.get().expires_at < timezone.now() + timedelta(minutes=11)


def test_a_session_ends_after_its_longest_life_however_often_it_is_used(a_user, settings):
    client = logged_in_since(a_user(), timedelta(hours=settings.SESSION_MAX_HOURS, seconds=1))

    assert client.get("/api/account").status_code == 401


@pytest.mark.django_db(transaction=True)
def test_asynchronous_views_note_a_use_as_well(a_user):
    client = AsyncClient()
    client.force_login(a_user())
    soon = timezone.now() + timedelta(minutes=5)
    Session.objects.update(expire_date=soon)

    async_to_sync(client.get)("/api/videos/00000000-0000-4000-8000-000000000000/events")

    assert Session.objects.get().expire_date > soon


def test_a_session_goes_on_under_another_secret_key_while_the_old_one_is_a_fallback(a_user, settings):
    client = Client()
    client.force_login(a_user())
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another one", [settings.SECRET_KEY]

    assert client.get("/api/account").status_code == 200
    settings.SECRET_KEY_FALLBACKS = []

    assert client.get("/api/account").status_code == 200  # it was signed anew


def test_a_session_ends_under_another_secret_key_without_a_fallback(a_user, settings):
    client = Client()
    client.force_login(a_user())
    settings.SECRET_KEY = "another one"

    assert client.get("/api/account").status_code == 401
