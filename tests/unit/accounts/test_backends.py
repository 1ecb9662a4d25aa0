from datetime import timedelta

from django.contrib.auth import authenticate
from django.utils import timezone

from .conftest import PASSWORD


def test_passwords_do_not_expire(a_user):
    long_ago = timezone.now() - timedelta(days=20 * 365)
    user = a_user(created_at=long_ago, last_login=long_ago)

    assert authenticate(None, username=user.email, password=PASSWORD) == user
