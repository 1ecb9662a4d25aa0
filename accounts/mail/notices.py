"""Mails that tell users of what was done to their account, so that they notice what they did not do themselves."""

from datetime import datetime, timedelta
from uuid import UUID

import structlog

from accounts import queries
from accounts.account_deletion.models import Deletion
from accounts.mail import emails
from api import sealing
from celery_ledger import Permanent, enqueue

log = structlog.get_logger(__name__)

ADDRESS_KEPT_FOR = timedelta(days=7)

PASSWORD_CHANGED = "password_changed"  # noqa: S105 (the name of a notice)
TWO_FACTOR_ON = "two_factor_on"
TWO_FACTOR_OFF = "two_factor_off"
RECOVERY_CODE_USED = "recovery_code_used"
EXPORT_READY = "export_ready"

KINDS = {
    PASSWORD_CHANGED: emails.Kind("password_changed", "Your password was changed"),
    TWO_FACTOR_ON: emails.Kind("two_factor_on", "Two-factor authentication is on"),
    TWO_FACTOR_OFF: emails.Kind("two_factor_off", "Two-factor authentication is off"),
    RECOVERY_CODE_USED: emails.Kind("recovery_code_used", "A recovery code was used"),
    EXPORT_READY: emails.Kind("export_ready", "Your data is ready"),
}
DELETION_KIND = emails.Kind("deletion_started", "Your account is being deleted")


def enqueue_notice(user_id: UUID, notice: str) -> None:
    """Enqueue the mail in the present transaction."""
    enqueue("accounts.send_notice", str(user_id), notice)


def enqueue_deletion_notice(deletion: Deletion, address: str) -> None:
    """Keep the address, sealed, until the mail went, and enqueue the mail in the present transaction."""
    queries.deletion(deletion.pk).update(sealed_address=sealing.seal(address))
    enqueue("accounts.send_deletion_notice", str(deletion.pk))


def send(user_id: str, notice: str) -> None:
    """Mail the notice to its user. Twice: a second mail with the same Message-ID; nothing for a user who left."""
    user = queries.user(user_id).first()
    if user is None:
        log.info("notice_not_needed", user_id=user_id, notice=notice)
        return
    emails.send(user.email, KINDS[notice])


def send_deletion_notice(deletion_id: str) -> None:
    """Mail that the account is being deleted, and delete the address.

    The user's row has lost the address by then, so it waits in the deletion's row, sealed.
    Twice: nothing once the mail went; a second mail with the same Message-ID where that was not recorded.
    """
    deletion = queries.deletion(deletion_id).first()
    if deletion is None or not deletion.sealed_address:
        log.info("notice_not_needed", deletion_id=deletion_id)
        return
    emails.send(_address_of(deletion.sealed_address), DELETION_KIND)
    queries.deletion(deletion_id).update(sealed_address="")


def forget_addresses(now: datetime) -> int:
    """Delete addresses of people who left that no mail could reach. Twice: the second call finds none."""
    return queries.addresses_kept_before(now - ADDRESS_KEPT_FOR).update(sealed_address="")


def _address_of(sealed: str) -> str:
    try:
        return sealing.unseal(sealed)
    except sealing.Unreadable:
        raise Permanent("the address was sealed under another SECRET_KEY") from None
