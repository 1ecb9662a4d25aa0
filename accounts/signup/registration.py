"""Signing up: the account, the mail that proves its address, the proof."""

from datetime import datetime
from uuid import uuid4

import structlog
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone

from accounts import queries
from accounts.addresses import ADDRESS_MAX_CHARACTERS
from accounts.errors import AddressTooLong
from accounts.mail import emails, mail_limits, mailed_tokens
from accounts.mail.models import TokenPurpose
from accounts.models import User
from accounts.password_checks import password_rules
from celery_ledger import enqueue

log = structlog.get_logger(__name__)


def sign_up(address: str, password: str, name: str) -> None:
    """Create the account and enqueue its verification mail; a taken address warns its owner instead.

    Nothing tells the two apart from outside: the same statements run, the password is hashed, the caller
    learns nothing. Raises ValidationError for a weak password, AddressTooLong, HashingBusy.

    Where the address was never verified, the newest sign-up counts: its password and name replace the old ones, and
    every link that was mailed for an earlier sign-up is void. A link verifies the password of the sign-up that it was
    mailed for and no other. So neither a stranger who signed up first nor one who signs up next gets an account
    that the owner verifies with the owner's own link. A stranger's sign-up has a mail of its own, which says that
    it replaces an earlier one, and the owner decides by signing up again.
    A stranger cannot keep the owner out by signing up again and again: past ADDRESS_MAIL_THROTTLE a sign-up changes
    nothing, so the link of the newest mail works, and a password reset verifies the address as well.
    Twice: one account; of two at the same moment the unique constraint lets one in, the other finds it.
    """
    register(newcomer(address, password, name))


def newcomer(address: str, password: str, name: str) -> User:
    """Return the user to be, with the password hashed and not yet stored; to be called outside a transaction.

    Raises ValidationError for a weak password, AddressTooLong, HashingBusy.
    """
    password_rules.check(password, User(email=address, name=name))
    normalized = User.objects.normalize_email(address)
    if len(normalized) > ADDRESS_MAX_CHARACTERS:
        raise AddressTooLong  # a domain may grow when it is written small
    return User(email=normalized, password=make_password(password), name=name)


def register(wanted: User) -> None:
    """Store the user to be, or warn who has the address, or replace an earlier sign-up; see `sign_up`."""
    if not mail_limits.allow("sign_up", wanted.email):
        log.warning("signup_ignored")
        return
    with transaction.atomic():
        holder = _add(wanted)
        if holder.is_verified or not holder.is_active:
            enqueue("accounts.warn_owner", str(holder.pk))
        else:
            _enqueue_verification(str(holder.pk), holder.sign_up_number)
    log.info("signup_accepted", user_id=str(holder.pk), is_new=holder.pk == wanted.pk)


def _add(wanted: User) -> User:
    """Return the user who holds the address now, locked: `wanted`, or who had it before."""
    # "on conflict do nothing" waits for a sign-up of the same address that is under way, then lets the winner
    # be. The savepoint and IntegrityError of get_or_create would do more work for a taken address.
    User.objects.bulk_create([wanted], ignore_conflicts=True)
    holder = User.objects.with_address(wanted.email).select_for_update(no_key=True).first()
    if holder is None:
        return _add(wanted)  # whoever had the address left between the two statements
    if holder.pk != wanted.pk and not holder.is_verified:
        holder.sign_up_number += 1
        queries.unverified(holder.pk).update(
            password=wanted.password, name=wanted.name, sign_up_number=holder.sign_up_number
        )
    return holder


def send_verification(user_id: str, sign_up_number: int | None = None) -> None:
    """Mail the link that verifies the address and the password of that sign-up (None: of the newest one).

    Twice: nothing where the address was verified or another sign-up came meanwhile, which has a mail of its own;
    else a second mail with the same Message-ID, whose link works as well as the first one's.
    """
    user = queries.unverified(user_id).first()
    if user is None:
        log.info("verification_not_needed", user_id=user_id)
        return
    if sign_up_number not in (None, user.sign_up_number):
        log.info("verification_superseded", user_id=user_id)
        return
    token = mailed_tokens.issue(user, TokenPurpose.VERIFY, timezone.now())
    emails.send(user.email, emails.VERIFICATION, token=token, is_repeated=user.sign_up_number > 1)


def warn_owner(user_id: str) -> None:
    """Tell the owner of an address that somebody tried to sign up with it.

    Twice: a second mail with the same Message-ID.
    """
    user = queries.user(user_id).first()
    if user is None:
        log.info("owner_gone", user_id=user_id)
        return
    emails.send(user.email, emails.TAKEN_ADDRESS)


def ask_verification(address: str) -> None:
    """Enqueue another verification mail where that address waits for one; the caller cannot tell whether.

    Past ADDRESS_MAIL_THROTTLE nothing is enqueued; the mails of the last hour have links that work.
    """
    holder = queries.users_with_address(address).first()
    if mail_limits.allow("sign_up", address):
        # The same work for an unknown address: a job about nobody ends without effect.
        _enqueue_verification(str(holder.pk if holder else uuid4()), holder.sign_up_number if holder else 1)


@transaction.atomic
def verify(token: str, now: datetime) -> None:
    """Mark the address verified. Raises BadToken. Twice: the second call raises it and changes nothing."""
    found = mailed_tokens.find(token, TokenPurpose.VERIFY, now)
    mailed_tokens.spend(found, now)
    queries.unverified(found.user_id).update(verified_at=now)
    log.info("address_verified", user_id=str(found.user_id))


def _enqueue_verification(user_id: str, sign_up_number: int) -> None:
    enqueue("accounts.send_verification", user_id, kwargs={"sign_up_number": sign_up_number})
