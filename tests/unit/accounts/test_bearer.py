"""Tokens that come in."""

import pytest
from django.test import Client


@pytest.mark.parametrize("token", ["\xff\xfe", "Bearer", "a b", "", "0" * 64, "0" * 9000])
@pytest.mark.django_db
def test_a_token_that_none_has_is_401_whatever_it_is(token):
    answer = Client().get("/api/account", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_that_was_given_out_is_known(a_user, logged_in):
    assert logged_in(a_user()).get("/api/account").status_code == 200
