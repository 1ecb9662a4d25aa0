"""The only comparison of a password with a user's hash: it counts the try, compares, and forgives earlier failures."""

from django.http import HttpRequest
from django.utils import timezone

from accounts import lockout
from accounts.models import User
from api import throttle


def is_right(request: HttpRequest | None, subject: str, user: User | None, password: str) -> bool:
    """Say whether `password` is the password of the active `user`, within the limits.

    `subject` names the account in the counts: the user's id, or the stored form of an unknown address. An unknown
    user costs the same hash. Raises TooMany, TooManyFailures.
    """
    client = throttle.client_address(request) if request else ""
    if request:
        throttle.guard("login", request)
    key = lockout.key_of(subject, client)
    lockout.count(key, timezone.now())
    if user is None:
        User().set_password(password)
        return False
    if not user.check_password(password) or not user.is_active:
        return False
    lockout.forgive(key)
    return True
