"""The jobs of this app: doors only."""

from typing import Any

from django.utils import timezone

from accounts import retention
from accounts.account_deletion import deletion
from accounts.exports import export
from accounts.mail import notices
from accounts.passwords import password_reset
from accounts.push import push_notifications
from accounts.signup import registration
from accounts.webhooks import webhook_events
from celery_ledger import job


@job("accounts.send_verification", queue="mail", soft_seconds=40, hard_seconds=50, limit="email")
def send_verification(user_id: str, sign_up_number: int | None = None) -> None:
    """Mail the link that verifies the address."""
    registration.send_verification(user_id, sign_up_number)


@job("accounts.warn_owner", queue="mail", soft_seconds=40, hard_seconds=50, limit="email")
def warn_owner(user_id: str) -> None:
    """Tell an owner that somebody tried to sign up with the address."""
    registration.warn_owner(user_id)


@job("accounts.send_reset", queue="mail", soft_seconds=40, hard_seconds=50, limit="email")
def send_reset(user_id: str) -> None:
    """Mail the link that sets a new password."""
    password_reset.send_reset(user_id)


@job("accounts.send_notice", queue="mail", soft_seconds=40, hard_seconds=50, limit="email")
def send_notice(user_id: str, notice: str) -> None:
    """Tell a user of what was done to the account."""
    notices.send(user_id, notice)


@job("accounts.send_deletion_notice", queue="mail", soft_seconds=40, hard_seconds=50, limit="email")
def send_deletion_notice(deletion_id: str) -> None:
    """Tell a user who leaves that the deletion has begun."""
    notices.send_deletion_notice(deletion_id)


@job("accounts.send_push", queue="push", soft_seconds=40, hard_seconds=50)
def send_push(subscription_id: int, title: str, body: str, path: str) -> None:
    """Show a notification in one browser."""
    push_notifications.send(subscription_id, title, body, path)


@job("accounts.post_webhook", queue="push", soft_seconds=40, hard_seconds=50)
def post_webhook(webhook_id: str, event: str, happened_at: str, about: dict[str, Any]) -> None:
    """Post an event to one receiver."""
    webhook_events.post(webhook_id, event, happened_at, about, timezone.now())


@job("accounts.delete_projects", queue="accounts", soft_seconds=600, hard_seconds=660)
def delete_projects(deletion_id: str) -> None:
    """Delete the projects of a user who leaves."""
    deletion.delete_projects(deletion_id)


@job("accounts.delete_files", queue="accounts", soft_seconds=3600, hard_seconds=3660)
def delete_files(deletion_id: str) -> None:
    """Delete the files of a user who leaves."""
    deletion.delete_files(deletion_id)


@job("accounts.delete_assets", queue="accounts", soft_seconds=3600, hard_seconds=3660)
def delete_assets(deletion_id: str) -> None:
    """Delete the assets of a user who leaves."""
    deletion.delete_assets(deletion_id)


@job("accounts.delete_user_data", queue="accounts", soft_seconds=600, hard_seconds=660)
def delete_user_data(deletion_id: str) -> None:
    """Delete what else is stored about a user who leaves."""
    deletion.delete_user_data(deletion_id)


@job("accounts.finish_deletion", queue="accounts", soft_seconds=600, hard_seconds=660, atomic=True)
def finish_deletion(deletion_id: str) -> None:
    """Delete the user."""
    deletion.finish(deletion_id, timezone.now())


@job("accounts.write_export", queue="accounts", soft_seconds=3600, hard_seconds=3660)
def write_export(export_id: str) -> None:
    """Write the archive of all that is stored about a user."""
    export.write(export_id)


@job("accounts.forget_expired", queue="maintenance", soft_seconds=300, hard_seconds=330)
def forget_expired() -> None:
    """Delete tokens, login failures and exports whose time is over."""
    retention.forget_expired(timezone.now())
