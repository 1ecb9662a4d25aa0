"""A forgotten password, from the wish to the new one."""

from datetime import datetime
from uuid import UUID, uuid4

import structlog
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone

from accounts import queries
from accounts.errors import BadToken
from accounts.logins import active_logins
from accounts.mail import emails, mail_limits, mailed_tokens, notices
from accounts.mail.models import TokenPurpose
from accounts.models import User
from accounts.password_checks import lockout, password_rules
from celery_ledger import enqueue

log = structlog.get_logger(__name__)


def ask_reset(address: str) -> None:
    """Enqueue the reset mail where that address has an account; the caller cannot tell whether.

    Past ADDRESS_MAIL_THROTTLE nothing is enqueued; the mails of the last hour have links that work.
    """
    holder = queries.users_with_address(address).first()
    if mail_limits.allow("reset", address):
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
    token = mailed_tokens.issue(user, TokenPurpose.RESET, timezone.now())
    emails.send(user.email, emails.RESET, token=token)


def reset(token: str, password: str, now: datetime, client: str = "") -> None:
    """Set the password, end every login and every other reset link of the user.

    The link went to the address, so that is verified as well. Raises BadToken; ValidationError for a weak
    password, which leaves the token usable; HashingBusy. Twice: the second call raises BadToken and changes nothing.
    """
    confirm(token, prepare(token, password, now), now, client)


def prepare(token: str, password: str, now: datetime) -> str:
    """Return the hash of the new password, an empty one where the token is not valid: it is worth no hash.

    To be called outside a transaction. Raises ValidationError for a weak password, HashingBusy.
    """
    try:
        found = mailed_tokens.find(token, TokenPurpose.RESET, now)
    except BadToken:
        return ""
    password_rules.check(password, found.user)
    return make_password(password)


def confirm(token: str, hashed: str, now: datetime, client: str = "") -> None:
    """Spend the token on what `prepare` returned; see `reset`. Raises BadToken.

    The client's address, where given, is known from then on: guesses of strangers do not lock it out.
    """
    if not hashed:
        raise BadToken
    with transaction.atomic():
        found = mailed_tokens.find(token, TokenPurpose.RESET, now)
        mailed_tokens.spend(found, now)
        replace(found.user, hashed, now)
        queries.unverified(found.user_id).update(verified_at=now)
        if client:
            lockout.remember(found.user, client, now)
    log.info("password_reset", user_id=str(found.user_id))


@transaction.atomic
def replace(user: User, hashed: str, now: datetime, *, kept_login: UUID | str | None = None) -> None:
    """Store another password's hash, end every login but `kept_login` and every mailed link of the user.

    Known clients are forgotten, and a mail tells the user. The user stays locked until the transaction ends.
    """
    queries.lock_user(user.pk)
    for purpose in TokenPurpose:
        queries.unused_tokens(user.pk, purpose).update(used_at=now)
    queries.user(user.pk).update(password=hashed)
    queries.known_clients_of(user.pk).delete()
    active_logins.end_all(user.pk, but=kept_login)
    notices.enqueue_notice(user.pk, notices.PASSWORD_CHANGED)
