"""How Django checks a password, for the API, the pages and the admin alike."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts import queries
from accounts.models import User
from accounts.password_checks import password_check


class LockingBackend(ModelBackend):
    """Users by address and password, refused after too many failures."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Return the active user of that address and password, or None. Raises TooMany, TooManyFailures."""
        address = username or kwargs.get(User.USERNAME_FIELD) or ""
        if not address or password is None:
            return None
        # Both are asked for every address, so that an unknown one takes as long as a known one.
        folded = queries.folded(address)
        user = User.objects.with_address(address).first()
        # The admin's form takes any text: the id of a user must not count as that user.
        subject = str(user.pk) if user else f"address:{folded}"
        return user if password_check.is_right(request, subject, user, password) else None
