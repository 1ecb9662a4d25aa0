"""Tokens that go out in a mail and work once."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.conf import settings

from accounts import queries
from accounts.errors import BadToken
from accounts.mail.models import MailedToken, TokenPurpose
from accounts.models import User

TOKEN_BYTES = 32


def issue(user: User, purpose: TokenPurpose, now: datetime) -> str:
    """Store a new token's digest and return the token itself, which is kept nowhere.

    It is valid for the address and the sign-up of `user` as it was read, whatever became of the row since: a mail
    that was enqueued by one sign-up must not carry the proof of another.
    Twice: another token; earlier ones stay valid until used, void or expired, for their mail may arrive later.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    MailedToken.objects.create(
        user=user,
        address=user.email,
        sign_up_number=user.sign_up_number,
        purpose=purpose,
        digest=digest_of(token),
        created_at=now,
        expires_at=now + _validity(purpose),
    )
    return token


def find(token: str, purpose: TokenPurpose, now: datetime) -> MailedToken:
    """Return the token's row, without using it up. Raises BadToken."""
    found = queries.usable_tokens(digest_of(token), purpose, now).select_related("user").first()
    if found is None:
        raise BadToken
    return found


def spend(found: MailedToken, now: datetime) -> None:
    """Use the token up, inside the transaction of its effect. Raises BadToken where it is no longer valid.

    Twice, and of two at the same time the second: raises BadToken. The user stays locked until the transaction
    ends, so nobody replaces the password or the address between this check and the effect.
    """
    queries.lock_user(found.user_id)
    if not queries.usable_tokens(found.digest, found.purpose, now).exists():
        raise BadToken
    if queries.unused_token(found.pk).update(used_at=now) != 1:
        raise BadToken


def digest_of(token: str) -> str:
    """Return what is stored of a token: no salt or slow hash is needed for 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


def _validity(purpose: TokenPurpose) -> timedelta:
    if purpose == TokenPurpose.VERIFY:
        return timedelta(days=settings.VERIFY_TOKEN_DAYS)
    return timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
