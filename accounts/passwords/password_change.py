"""A logged-in user sets another password."""

from datetime import datetime
from uuid import UUID

import structlog
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from accounts.logins import login
from accounts.models import User
from accounts.password_checks import password_rules
from accounts.passwords import password_reset

log = structlog.get_logger(__name__)


def change(
    request: HttpRequest,
    user: User,
    present_and_new: tuple[str, str],
    kept_login: UUID | str | None,
    now: datetime,
) -> None:
    """Set the password, end every login but `kept_login` and every mailed link of the user, and mail a notice.

    `user` bears the new hash afterwards. Raises what
    `login.prove_password` raises; ValidationError of `new_password` for a weak one. Twice, and of two at the same
    time the second: raises WrongPassword and changes nothing.
    """
    present, new = present_and_new
    login.prove_password(request, user, present)
    _check(new, user)
    hashed = make_password(new)
    with transaction.atomic():
        # Of two changes with the same present password the second one proved an old one.
        login.lock_proven(user)
        password_reset.replace(user, hashed, now, kept_login=kept_login)
    user.password = hashed
    log.info("password_changed", user_id=str(user.pk))


def _check(new: str, user: User) -> None:
    try:
        password_rules.check(new, user)
    except ValidationError as error:
        raise ValidationError({"new_password": error.messages}) from None
