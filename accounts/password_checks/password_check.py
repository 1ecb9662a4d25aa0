"""The only comparison of a password with a user's hash: it counts the try, compares, and forgives earlier failures."""

from django.contrib.auth.hashers import check_password, make_password
from django.http import HttpRequest
from django.utils import timezone

from accounts import queries
from accounts.models import User
from accounts.password_checks import hashing, lockout
from api import throttle


def is_right(request: HttpRequest | None, subject: str, user: User | None, password: str) -> bool:
    """Say whether `password` is the password of the active `user`, within the limits.

    `subject` names the account in the counts: the user's id, or the stored form of an unknown address. An unknown
    user costs the same hash. Raises TooMany, TooManyFailures, HashingBusy.
    """
    client = throttle.client_address(request) if request else ""
    if request:
        throttle.guard("login", request)
    # Counted within the turn: fifty right passwords that wait for theirs are not fifty failures.
    with hashing.turn():
        lockout.count(subject, client, timezone.now())
        if user is None:
            make_password(password)
            return False
        if not _matches(user, password):
            return False
    lockout.forgive(user, client, timezone.now())
    return True


def _matches(user: User, password: str) -> bool:
    stored = user.password

    def upgrade(raw: str) -> None:
        # Not user.save(): it would bring the old password back where a reset came meanwhile.
        hashed = make_password(raw)
        if queries.user_with_hash(user.pk, stored).update(password=hashed):
            user.password = hashed

    return check_password(password, stored, upgrade) and user.is_active
