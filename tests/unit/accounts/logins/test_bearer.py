"""Tokens that come in."""

import math

import pytest
from django.test import Client
from knox.models import AuthToken

from accounts.logins.sessions import SessionStore


@pytest.mark.parametrize("token", ["\xff\xfe", "Bearer", "a b", "", "0" * 64, "0" * 9000])
@pytest.mark.django_db
def test_a_token_that_none_has_is_401_whatever_it_is(token):
    answer = Client().get("/api/account", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_that_was_given_out_is_known(a_user, logged_in):
    assert logged_in(a_user()).get("/api/account").status_code == 200


@pytest.mark.parametrize("name", ["token", "access_token", "authorization", "api_key", "sessionid"])
def test_a_token_in_the_address_opens_nothing(a_user, api, name):
    token = AuthToken.objects.create(user=a_user())[1]

    assert api.get(f"/api/account?{name}={token}").status_code == 401
    assert api.get(f"/api/account?{name}=Bearer%20{token}").status_code == 401


def test_tokens_of_sessions_and_logins_have_enough_random_bits(a_user):
    row, token = AuthToken.objects.create(user=a_user())
    session = SessionStore()
    session.create()

    assert len(bytes.fromhex(token)) * 8 >= 256
    assert len(row.digest) * 4 >= 256  # what is stored is a hash
    assert token not in str(vars(row))
    assert len(session.session_key) * math.log2(36) >= 160
