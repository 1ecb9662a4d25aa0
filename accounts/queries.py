"""The sets of rows that this app works on."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from knox.models import AuthToken

from accounts.account_deletion.models import Deletion, DeletionStep
from accounts.exports.models import Export, ExportState
from accounts.logins.models import ActiveLogin, LoginKind, RecoveryCode, Session, TwoFactor
from accounts.mail.models import MailedToken, TokenPurpose
from accounts.models import Project, User
from accounts.password_checks.models import KnownClient, LoginFailures
from accounts.push.models import PushSubscription
from accounts.webhooks.models import Webhook
from api.models import IdempotencyKey


def user(user_id: UUID | str) -> QuerySet[User]:
    """Return the user, unless gone or on the way out."""
    return User.objects.filter(pk=user_id, is_active=True)


def user_with_hash(user_id: UUID, stored: str) -> QuerySet[User]:
    """Return the user, if that is still the hash of the password."""
    return user(user_id).filter(password=stored)


def unverified(user_id: UUID | str) -> QuerySet[User]:
    """Return the user, if the address is still to be proven."""
    return user(user_id).filter(verified_at=None)


def users_with_address(address: str) -> QuerySet[User]:
    """Return the at most one user of that address who may still act."""
    return User.objects.with_address(address).filter(is_active=True)


def folded(address: str) -> str:
    """Return the address in the form in which the database compares addresses."""
    with connection.cursor() as cursor:
        cursor.execute("select lower(%(address)s::text)", {"address": address})
        return str(cursor.fetchone()[0])


def usable_tokens(digest: str, purpose: str, now: datetime) -> QuerySet[MailedToken]:
    """Return the at most one token of that digest that may still be used. For reading: it joins the user.

    A condition on the other table of a join is not evaluated again after a wait for a lock. `unused_token` is spent.
    """
    tokens = MailedToken.objects.filter(
        digest=digest,
        purpose=purpose,
        used_at=None,
        expires_at__gt=now,
        user__is_active=True,
        address=F("user__email"),
    )
    if purpose == TokenPurpose.VERIFY:
        tokens = tokens.filter(sign_up_number=F("user__sign_up_number"))
    return tokens


def unused_token(token_id: int) -> QuerySet[MailedToken]:
    """Return the token, if it was never used."""
    return MailedToken.objects.filter(pk=token_id, used_at=None)


def lock_user(user_id: UUID) -> None:
    """Let one transaction at a time go on that reads or replaces the user's credentials.

    Always before a row that belongs to the user; rows that only refer to the user may be added meanwhile.
    """
    User.objects.select_for_update(no_key=True).filter(pk=user_id).first()


def unused_tokens(user_id: UUID, purpose: str) -> QuerySet[MailedToken]:
    """Return the user's tokens of that purpose that were never used."""
    return MailedToken.objects.filter(user_id=user_id, purpose=purpose, used_at=None)


def tokens_before(instant: datetime) -> QuerySet[MailedToken]:
    """Return the mailed tokens that expired before `instant`."""
    return MailedToken.objects.filter(expires_at__lt=instant)


def login_tokens(user_id: UUID | str) -> QuerySet[AuthToken]:
    """Return the user's bearer tokens."""
    tokens: QuerySet[AuthToken] = AuthToken.objects.filter(user_id=user_id)
    return tokens


def logins_of(user_id: UUID | str) -> QuerySet[ActiveLogin]:
    """Return the user's logins, by session and by token."""
    return ActiveLogin.objects.filter(user_id=user_id)


def living_logins(now: datetime) -> QuerySet[ActiveLogin]:
    """Return the logins that requests may still come with."""
    sessions = Session.objects.filter(login=OuterRef("pk"), expire_date__gt=now)
    there = Q(kind=LoginKind.TOKEN) | Exists(sessions)
    return ActiveLogin.objects.filter(there, expires_at__gt=now, user__is_active=True)


def living_logins_of(user_id: UUID | str, now: datetime) -> QuerySet[ActiveLogin]:
    """Return the user's logins that requests may still come with, newest first."""
    return living_logins(now).filter(user_id=user_id).order_by("-created_at", "-id")


def login_of(user_id: UUID | str, login_id: UUID | str) -> ActiveLogin | None:
    """Return the user's login, None for anybody else's."""
    return logins_of(user_id).filter(pk=login_id).first()


def dead_logins(now: datetime) -> QuerySet[ActiveLogin]:
    """Return the logins that are over, by time or because their session is gone."""
    sessionless = Q(kind=LoginKind.SESSION) & ~Exists(Session.objects.filter(login=OuterRef("pk")))
    return ActiveLogin.objects.filter(Q(expires_at__lte=now) | sessionless)


def sessions_of(login_id: UUID | str) -> QuerySet[Session]:
    """Return the at most one session of the login."""
    return Session.objects.filter(login__id=login_id)


def sessions_before(instant: datetime) -> QuerySet[Session]:
    """Return the sessions that ended before `instant`, of people and of strangers."""
    return Session.objects.filter(expire_date__lt=instant)


def two_factor_of(user_id: UUID | str) -> QuerySet[TwoFactor]:
    """Return the user's authenticator app, confirmed or not."""
    return TwoFactor.objects.filter(user_id=user_id)


def confirmed_two_factor_of(user_id: UUID | str) -> QuerySet[TwoFactor]:
    """Return the user's authenticator app that logins need a code of."""
    return two_factor_of(user_id).filter(confirmed_at__isnull=False)


def recovery_codes_of(user_id: UUID | str) -> QuerySet[RecoveryCode]:
    """Return the user's recovery codes, used or not."""
    return RecoveryCode.objects.filter(user_id=user_id)


def unused_recovery_codes_of(user_id: UUID | str) -> QuerySet[RecoveryCode]:
    """Return the recovery codes that the user may still use."""
    return recovery_codes_of(user_id).filter(used_at=None)


def failures_before(instant: datetime) -> QuerySet[LoginFailures]:
    """Return the login failures whose last one lies before `instant`."""
    return LoginFailures.objects.filter(last_at__lt=instant)


def known_client(subject: str, key: str) -> QuerySet[KnownClient]:
    """Return the client of that key, if the user of the id `subject` has logged in from there."""
    try:
        return KnownClient.objects.filter(user_id=UUID(subject), key=key)
    except ValueError:  # an address of nobody
        return KnownClient.objects.filter(key=key)


def known_clients_of(user_id: UUID | str) -> QuerySet[KnownClient]:
    """Return the clients from which the user has logged in."""
    return KnownClient.objects.filter(user_id=user_id)


def known_clients_before(instant: datetime) -> QuerySet[KnownClient]:
    """Return the clients from which the last login lies before `instant`."""
    return KnownClient.objects.filter(seen_at__lt=instant)


def projects_of(owner_id: UUID | str) -> QuerySet[Project]:
    """Return the owner's projects."""
    return Project.objects.filter(owner__id=owner_id)


def push_subscriptions_of(user_id: UUID | str) -> QuerySet[PushSubscription]:
    """Return the user's browsers, newest first."""
    return PushSubscription.objects.filter(user_id=user_id).order_by("-created_at", "-id")


def push_subscription(subscription_id: int) -> QuerySet[PushSubscription]:
    """Return the subscription, unless it was deleted or its user leaves. For reading: it joins the user."""
    return PushSubscription.objects.filter(pk=subscription_id, user__is_active=True)


def webhooks_of(user_id: UUID | str) -> QuerySet[Webhook]:
    """Return the user's webhooks."""
    return Webhook.objects.filter(user_id=user_id)


def webhooks_told_of(event: str, user_id: UUID | str) -> QuerySet[Webhook]:
    """Return the user's webhooks that want the event, oldest first."""
    return webhooks_of(user_id).filter(events__contains=[event]).order_by("created_at", "id")


def webhook(webhook_id: UUID | str) -> QuerySet[Webhook]:
    """Return the webhook, unless it was deleted or its user leaves. For reading: it joins the user."""
    return Webhook.objects.filter(pk=webhook_id, user__is_active=True)


def deletions() -> QuerySet[Deletion]:
    """Return every deletion with its steps."""
    return Deletion.objects.prefetch_related("steps")


def deletion(deletion_id: UUID | str) -> QuerySet[Deletion]:
    """Return the deletion with its steps."""
    return deletions().filter(pk=deletion_id)


def addresses_kept_before(instant: datetime) -> QuerySet[Deletion]:
    """Return the deletions from before `instant` that still keep an address for their notice."""
    return Deletion.objects.filter(created_at__lt=instant).exclude(sealed_address="")


def deletion_step(deletion_id: UUID | str, name: str) -> QuerySet[DeletionStep]:
    """Return one step of a deletion."""
    return DeletionStep.objects.filter(deletion_id=deletion_id, name=name)


def exports_of(user_id: UUID | str) -> QuerySet[Export]:
    """Return the user's exports."""
    return Export.objects.filter(user_id=user_id)


def ready_exports_of(user_id: UUID | str) -> QuerySet[Export]:
    """Return the user's exports whose archive is there."""
    return Export.objects.filter(user_id=user_id, state=ExportState.READY)


def running_export(export_id: UUID | str) -> QuerySet[Export]:
    """Return the export, if it is still to be written and its user is still here. For reading: it joins the user."""
    return unfinished_export(export_id).filter(user__is_active=True)


def unfinished_export(export_id: UUID | str) -> QuerySet[Export]:
    """Return the export, if it is still to be written."""
    return Export.objects.filter(pk=export_id, state=ExportState.RUNNING)


def exports_before(instant: datetime) -> QuerySet[Export]:
    """Return the exports that were ready before `instant`."""
    return Export.objects.filter(finished_at__lt=instant)


def sealed_columns() -> list[tuple[QuerySet[Any], str]]:
    """Return every column that holds seals of `api.sealing`, with the rows of its table."""
    return [
        (Webhook.objects.all(), "sealed_secret"),
        (TwoFactor.objects.all(), "sealed_key"),
        (Deletion.objects.all(), "sealed_address"),
        (IdempotencyKey.objects.all(), "body"),
    ]


def stored_answers_of(user_id: UUID | str) -> QuerySet[IdempotencyKey]:
    """Return the answers kept under the user's idempotency keys."""
    return IdempotencyKey.objects.filter(owner=f"user:{user_id}")


def mailed_tokens_of(user_id: UUID | str) -> QuerySet[MailedToken]:
    """Return every mailed token of the user, used or not."""
    return MailedToken.objects.filter(user_id=user_id)
