from datetime import timedelta

from django.contrib.auth import authenticate
from django.test import RequestFactory
from django.utils import timezone

from .conftest import PASSWORD


def test_passwords_do_not_expire(a_user):
    long_ago = timezone.now() - timedelta(days=20 * 365)
    user = a_user(created_at=long_ago, last_login=long_ago)

    assert authenticate(None, username=user.email, password=PASSWORD) == user


def test_a_user_s_id_typed_as_an_address_is_no_try_for_that_user(a_user, settings):
    settings.LOGIN_MAX_FAILURES = 2
    user = a_user()
    for _ in range(2):
        authenticate(RequestFactory().post("/"), username=str(user.pk), password="wrong")

    assert authenticate(RequestFactory().post("/"), username=user.email, password=PASSWORD) == user
