"""A logged-in user sets another password."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import structlog
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts import active_logins, login, notices, password_rules, queries
from accounts.errors import WrongPassword
from accounts.models import TokenPurpose, User

Saved = TypeVar("Saved")

log = structlog.get_logger(__name__)


def change(
    request: HttpRequest,
    user: User,
    passwords: tuple[str, str],
    kept_login: UUID | str | None,
    now: datetime,
) -> None:
    """Set the password, end every login but `kept_login` and every reset link of the user, and mail a notice.

    `passwords` are the present and the new one. `user` bears the new hash afterwards. Raises what
    `login.prove_password` raises; ValidationError of `new_password` for a weak one. Twice, and of two at the same
    time the second: raises WrongPassword and changes nothing.
    """
    present, new = passwords
    login.prove_password(request, user, present)
    _check(new, user)
    proven, hashed = user.password, make_password(new)
    with transaction.atomic():
        # Conditional: of two changes with the same present password the second one proved an old one.
        if queries.user(user.pk).filter(password=proven).update(password=hashed) != 1:
            raise WrongPassword
        queries.unused_tokens(user.pk, TokenPurpose.RESET).update(used_at=now)
        active_logins.end_all(user.pk, but=kept_login)
        notices.enqueue_notice(user.pk, notices.PASSWORD_CHANGED)
    user.password = hashed
    log.info("password_changed", user_id=str(user.pk))


@transaction.atomic
def by_staff(user: User, save: Callable[[], Saved]) -> Saved:
    """Have `save` store another password of the user, end every login of the user, mail a notice; return its result."""
    saved = save()
    queries.unused_tokens(user.pk, TokenPurpose.RESET).update(used_at=timezone.now())
    active_logins.end_all(user.pk)
    notices.enqueue_notice(user.pk, notices.PASSWORD_CHANGED)
    return saved


def _check(new: str, user: User) -> None:
    try:
        password_rules.check(new, user)
    except ValidationError as error:
        raise ValidationError({"new_password": error.messages}) from None
