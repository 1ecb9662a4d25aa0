"""Switching two-factor authentication on and off."""

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction
from django.http import HttpRequest

from accounts import queries
from accounts.errors import TwoFactorState, WrongCode
from accounts.logins import active_logins, login, two_factor
from accounts.logins.models import RecoveryCode, TwoFactor
from accounts.mail import notices
from accounts.models import User
from api import sealing

log = structlog.get_logger(__name__)

ISSUER = "Offstage"
KEY_BYTES = 20
"""As RFC 4226, section 4, recommends; every authenticator app takes it."""
RECOVERY_CODES = 10
RECOVERY_CODE_BYTES = 15
"""120 bits: no salt or slow hash is needed from 112 on. Source: OWASP ASVS 4, requirement 2.6.2."""
GROUP_CHARACTERS = 6


@dataclass(frozen=True, slots=True)
class Key:
    """The key of an authenticator app as a person enters it, and the URI that a QR code carries."""

    text: str
    uri: str


def begin(request: HttpRequest, user: User, password: str, now: datetime) -> None:
    """Make a key for the user's authenticator app; it counts once `confirm` has seen a code of it.

    Raises TwoFactorState where it is on, and what `login.prove_password` raises. Twice: another key.
    """
    login.prove_password(request, user, password)
    sealed = sealing.seal(secrets.token_bytes(KEY_BYTES).hex())
    with transaction.atomic():
        login.lock_proven(user)
        _lock_where_off(user.pk)
        TwoFactor.objects.update_or_create(
            user=user, defaults={"sealed_key": sealed, "last_step": 0, "created_at": now}
        )


def key_of(user: User) -> Key | None:
    """Return the key that waits for its confirmation, None where none does. A confirmed one is never shown again."""
    waiting = queries.two_factor_of(user.pk).filter(confirmed_at=None).first()
    if waiting is None:
        return None
    key = bytes.fromhex(sealing.unseal(waiting.sealed_key))
    uri = two_factor.totp(key).get_provisioning_uri(user.email, ISSUER)
    return Key(base64.b32encode(key).decode(), uri)


def confirm(user: User, code: str, kept_login: UUID | str | None, now: datetime) -> list[str]:
    """Switch two-factor authentication on; return the recovery codes, for the one time that they are shown.

    Every login but `kept_login` ends, for none of them needed a code. Raises TwoFactorState, WrongCode,
    TooManyFailures. Twice, and of two at the same time the second: raises TwoFactorState.
    """
    with two_factor.counted(user.pk, now), transaction.atomic():
        _lock_where_off(user.pk)
        if not two_factor.spend_app_code(user.pk, code, now):
            raise WrongCode
        queries.two_factor_of(user.pk).update(confirmed_at=now)
        codes = _new_recovery_codes(user)
        active_logins.end_all(user.pk, but=kept_login)
        notices.enqueue_notice(user.pk, notices.TWO_FACTOR_ON)
    log.info("two_factor_switched_on", user_id=str(user.pk))
    return codes


def switch_off(request: HttpRequest, user: User, password: str, code: str, now: datetime) -> None:
    """Let logins of the user do without a code.

    Raises what `login.prove_password` and `two_factor.prove` raise. Twice: nothing, where it is off.
    """
    login.prove_password(request, user, password)
    two_factor.prove(user, code, now)
    with transaction.atomic():
        login.lock_proven(user)
        remove(user.pk)


@transaction.atomic
def remove(user_id: UUID) -> None:
    """Delete the user's key and recovery codes, and mail a notice. Twice: nothing, where it is off."""
    was_on = queries.confirmed_two_factor_of(user_id).exists()
    queries.two_factor_of(user_id).delete()
    queries.recovery_codes_of(user_id).delete()
    if was_on:
        notices.enqueue_notice(user_id, notices.TWO_FACTOR_OFF)
        log.info("two_factor_switched_off", user_id=str(user_id))


def _lock_where_off(user_id: UUID) -> None:
    """Let one transaction at a time go on for this user. Raises TwoFactorState where a login needs a code already."""
    queries.user(user_id).select_for_update(no_key=True).first()
    if queries.confirmed_two_factor_of(user_id).exists():
        raise TwoFactorState("Two-factor authentication is on already.")


def _new_recovery_codes(user: User) -> list[str]:
    codes = [_grouped(secrets.token_bytes(RECOVERY_CODE_BYTES)) for _ in range(RECOVERY_CODES)]
    queries.recovery_codes_of(user.pk).delete()
    RecoveryCode.objects.bulk_create(
        RecoveryCode(user=user, digest=two_factor.recovery_digest(code)) for code in codes
    )
    return codes


def _grouped(random: bytes) -> str:
    text = base64.b32encode(random).decode().lower()
    return "-".join(text[at : at + GROUP_CHARACTERS] for at in range(0, len(text), GROUP_CHARACTERS))
