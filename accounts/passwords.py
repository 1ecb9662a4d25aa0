"""A forgotten password, from the wish to the new one."""

from datetime import datetime
from uuid import uuid4

import structlog
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone

from accounts import emails, login, notices, password_rules, queries, tokens
from accounts.models import TokenPurpose
from jobs.enqueue import enqueue

log = structlog.get_logger(__name__)


def ask_reset(address: str) -> None:
    """Enqueue the reset mail where that address has an account; the caller cannot tell whether."""
    holder = queries.users_with_address(address).first()
    # The same work for an unknown address: a job about nobody ends without effect.
    enqueue("accounts.send_reset", str(holder.pk if holder else uuid4()))


def send_reset(user_id: str) -> None:
    """Mail the link that sets a new password.

    Twice: a second mail with the same Message-ID, whose link works as well as the first one's.
    """
    user = queries.user(user_id).first()
    if user is None:
        log.info("reset_for_nobody")
        return
    token = tokens.issue(user.pk, TokenPurpose.RESET, timezone.now())
    emails.send(user.email, emails.RESET, token=token)


def reset(token: str, password: str, now: datetime) -> None:
    """Set the password, end every login and every other reset link of the user.

    The link went to the address, so that is proven as well. Raises BadToken; ValidationError for a weak
    password, which leaves the token usable. Twice: the second call raises BadToken and changes nothing.
    """
    found = tokens.find(token, TokenPurpose.RESET, now)
    password_rules.check(password, found.user)
    hashed = make_password(password)
    with transaction.atomic():
        tokens.spend(found, now)
        queries.unused_tokens(found.user_id, TokenPurpose.RESET).update(used_at=now)
        queries.user(found.user_id).update(password=hashed)
        queries.unverified(found.user_id).update(verified_at=now)
        login.end_all_logins(found.user)
        notices.enqueue_notice(found.user_id, notices.PASSWORD_CHANGED)
    log.info("password_reset", user_id=str(found.user_id))
