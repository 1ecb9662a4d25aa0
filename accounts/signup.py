"""Signing up: the account, the mail that proves its address, the proof."""

from datetime import datetime
from uuid import uuid4

import structlog
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone

from accounts import emails, password_rules, queries, tokens
from accounts.errors import AddressTooLong
from accounts.models import ADDRESS_MAX_CHARACTERS, TokenPurpose, User
from jobs.enqueue import enqueue

log = structlog.get_logger(__name__)


def sign_up(address: str, password: str, name: str) -> None:
    """Create the account and enqueue its verification mail; a taken address warns its owner instead.

    Nothing tells the two apart from outside: the same statements run, the password is hashed, the caller
    learns nothing. Where the address was never proven, the newest sign-up counts: its password and name
    replace the old ones, so that a stranger who signed up first is locked out by the owner's own sign-up.
    Raises ValidationError for a weak password, AddressTooLong.
    Twice: one account; of two at the same moment the unique constraint lets one in, the other finds it.
    """
    password_rules.check(password, User(email=address, name=name))
    if len(User.objects.normalize_email(address)) > ADDRESS_MAX_CHARACTERS:
        raise AddressTooLong  # a domain may grow when it is written small
    # Hashed before the transaction opens: it takes a tenth of a second, and no row need be locked for it.
    newcomer = User(email=User.objects.normalize_email(address), password=make_password(password), name=name)
    with transaction.atomic():
        holder = _add(newcomer)
        if holder.is_verified or not holder.is_active:
            enqueue("accounts.warn_owner", str(holder.pk))
        else:
            enqueue("accounts.send_verification", str(holder.pk))
    log.info("signup_accepted", user_id=str(holder.pk), is_new=holder.pk == newcomer.pk)


def _add(newcomer: User) -> User:
    """Return the user who holds the address now: the newcomer, or who had it before."""
    # "on conflict do nothing" waits for a sign-up of the same address that is under way, then lets the winner
    # be. The savepoint and IntegrityError of get_or_create would do more work for a taken address.
    User.objects.bulk_create([newcomer], ignore_conflicts=True)
    holder = User.objects.with_address(newcomer.email).get()
    if holder.pk != newcomer.pk and not holder.is_verified:
        queries.unverified(holder.pk).update(password=newcomer.password, name=newcomer.name)
    return holder


def send_verification(user_id: str) -> None:
    """Mail the link that proves the address.

    Twice: nothing where the address was proven meanwhile; else a second mail with the same Message-ID, whose
    link works as well as the first one's.
    """
    user = queries.unverified(user_id).first()
    if user is None:
        log.info("verification_not_needed", user_id=user_id)
        return
    token = tokens.issue(user.pk, TokenPurpose.VERIFY, timezone.now())
    emails.send(user.email, emails.VERIFICATION, token=token)


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
    """Enqueue another verification mail where that address waits for one; the caller cannot tell whether."""
    holder = queries.users_with_address(address).first()
    # The same work for an unknown address: a job about nobody ends without effect.
    enqueue("accounts.send_verification", str(holder.pk if holder else uuid4()))


@transaction.atomic
def verify(token: str, now: datetime) -> None:
    """Mark the address proven. Raises BadToken. Twice: the second call raises it and changes nothing."""
    found = tokens.find(token, TokenPurpose.VERIFY, now)
    tokens.spend(found, now)
    queries.unverified(found.user_id).update(verified_at=now)
    log.info("address_verified", user_id=str(found.user_id))
