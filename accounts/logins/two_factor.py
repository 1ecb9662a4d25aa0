"""Codes that a login needs besides the password: of an authenticator app (TOTP, RFC 6238), or recovery codes.

Each login of a user who has two-factor authentication on needs one: by API, by page and by admin. So no session or
token is half proven, and nothing behind the login has to ask.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, IntegerField, Value, When
from django.utils.crypto import constant_time_compare

from accounts import queries
from accounts.errors import CodeRequired, TooManyFailures, WrongCode
from accounts.mail import notices
from accounts.models import User
from api import sealing

log = structlog.get_logger(__name__)

CODE_DIGITS = 6
STEP_SECONDS = 30
STEPS_AROUND = 1
"""Steps before and after the present one whose codes count: the clock of a phone may be half a minute off."""


def is_on(user: User) -> bool:
    """Say whether a login of the user needs a code."""
    return queries.confirmed_two_factor_of(user.pk).exists()


def recovery_codes_left(user: User) -> int:
    """Return how many recovery codes the user may still use."""
    return queries.unused_recovery_codes_of(user.pk).count()


def prove(user: User, code: str, now: datetime) -> None:
    """Use up the code, of the app or for recovery, where the user's logins need one.

    Raises CodeRequired, WrongCode, TooManyFailures. Twice, and of two at the same time the second: raises WrongCode.
    """
    if not is_on(user):
        return
    if not code:
        raise CodeRequired
    with counted(user.pk, now), transaction.atomic():
        if spend_app_code(user.pk, code, now):
            return
        if not _spend_recovery_code(user.pk, code, now):
            raise WrongCode
        notices.enqueue_notice(user.pk, notices.RECOVERY_CODE_USED)
    log.warning("recovery_code_used", user_id=str(user.pk))


@contextmanager
def counted(user_id: UUID, now: datetime) -> Iterator[None]:
    """Count the block as a failed try before it runs, and forget all failures where it ends well.

    Raises TooManyFailures instead at LOGIN_MAX_FAILURES. The count is the user's, whatever clients the tries come
    from: whoever makes them knows the password.
    """
    window = timedelta(minutes=settings.LOGIN_LOCK_MINUTES)
    forgotten = When(last_failed_at__lte=now - window, then=Value(0))
    recent = Case(forgotten, default=F("failures"), output_field=IntegerField())
    rows = queries.two_factor_of(user_id).alias(recent=recent)
    below = rows.filter(recent__lt=settings.LOGIN_MAX_FAILURES)
    if below.update(failures=recent + 1, last_failed_at=now) != 1 and (row := rows.first()) is not None:
        last_at = row.last_failed_at or now
        raise TooManyFailures((last_at + window - now).total_seconds())
    yield
    queries.two_factor_of(user_id).update(failures=0)


def spend_app_code(user_id: UUID, code: str, now: datetime) -> bool:
    """Use up a code of the app, and say whether it was right. Each counts once: its time step must be a later one."""
    row = queries.two_factor_of(user_id).first()
    typed = _normalised(code)
    if row is None or not typed.isascii():
        return False
    app = totp(bytes.fromhex(sealing.unseal(row.sealed_key)))
    present = int(now.timestamp()) // STEP_SECONDS
    for step in range(present - STEPS_AROUND, present + STEPS_AROUND + 1):
        if constant_time_compare(app.generate(step * STEP_SECONDS).decode(), typed):
            later = queries.two_factor_of(user_id).filter(last_step__lt=step, sealed_key=row.sealed_key)
            return later.update(last_step=step) == 1
    return False


def totp(key: bytes) -> TOTP:
    """Return the generator of the key's codes, with the parameters that every authenticator app understands."""
    return TOTP(key, CODE_DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303 (RFC 6238's own; an HMAC, whose collisions do not matter)


def recovery_digest(code: str) -> str:
    """Return what is stored of a recovery code."""
    return hashlib.sha256(_normalised(code).encode(errors="replace")).hexdigest()


def _spend_recovery_code(user_id: UUID, code: str, now: datetime) -> bool:
    unused = queries.unused_recovery_codes_of(user_id).filter(digest=recovery_digest(code))
    return unused.update(used_at=now) == 1


def _normalised(code: str) -> str:
    """Return the code without the gaps in which people type and apps show it."""
    return code.replace(" ", "").replace("-", "").lower()
