"""Tokens of the release before go on: each is a login that can be listed and ended."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.models import ActiveLogin

pytestmark = pytest.mark.django_db


def record_tokens():
    import_module("accounts.migrations.0004_logins").record_tokens(apps, None)


@pytest.mark.parametrize("lasts", [timedelta(days=2), None], ids=["with an end", "without one"])
def test_a_token_of_before_lets_in_and_is_listed(a_user, lasts):
    row, token = AuthToken.objects.create(user=a_user(), expiry=lasts)
    # It was last used long ago, and nobody noted when.
    AuthToken.objects.update(created=timezone.now() - timedelta(days=20))
    ActiveLogin.objects.all().delete()

    record_tokens()

    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert client.get("/api/account").status_code == 200
    login = ActiveLogin.objects.get()
    assert (login.token, login.kind, login.user) == (row, "token", row.user)
    assert [row["current"] for row in client.get("/api/account/sessions").json()["results"]] == [True]


def test_a_token_that_is_over_or_recorded_already_is_left_alone(a_user):
    AuthToken.objects.create(user=a_user(), expiry=timedelta(days=-1))
    AuthToken.objects.create(user=a_user("bob@example.org"))
    ActiveLogin.objects.all().delete()

    record_tokens()
    record_tokens()

    assert ActiveLogin.objects.count() == 1
