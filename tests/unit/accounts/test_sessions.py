"""Session cookies that come in."""

import pytest
from django.conf import settings
from django.test import Client

from accounts.sessions import SessionStore


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
