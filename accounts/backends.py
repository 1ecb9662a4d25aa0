"""How Django checks a password, for the API, the pages and the admin alike."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest
from django.utils import timezone

from accounts import lockout
from accounts.models import User
from api.throttle import client_address


class LockingBackend(ModelBackend):
    """Django's own check, refused after too many failures."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Return the active user of that address and password, or None. Raises TooManyFailures."""
        address = username or kwargs.get(User.USERNAME_FIELD) or ""
        if not address or password is None:
            return None
        key = lockout.key_of(address, client_address(request) if request else "")
        lockout.count(key, timezone.now())
        user = super().authenticate(request, username=address, password=password)
        if user is not None:
            lockout.forgive(key)
        return user
