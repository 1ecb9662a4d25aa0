"""The logins of a user: recorded, listed, checked, ended. Each is a browser's session or a bearer token."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models import QuerySet
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone
from knox.models import AuthToken

from accounts import queries
from accounts.logins.models import CLIENT_MAX_CHARACTERS, ActiveLogin, LoginKind
from accounts.logins.sessions import LOGIN_EXPIRES_AT, LOGIN_ID, USE_NOTED_EVERY, expiry_of
from accounts.models import User

log = structlog.get_logger(__name__)


@receiver(user_logged_in)
def record_session(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Record the login by session that Django has just made, for the pages and the admin alike.

    The session gets another key, also where the same user was logged in before: a key that somebody planted or saw
    is worth nothing after a login.
    """
    now = timezone.now()
    _delete_login_of_session(request, user)
    login = ActiveLogin.objects.create(
        user=user,
        kind=LoginKind.SESSION,
        client=client_of(request),
        created_at=now,
        last_used_at=now,
        expires_at=now + timedelta(hours=settings.SESSION_MAX_HOURS),
    )
    request.session[LOGIN_ID] = str(login.pk)
    request.session[LOGIN_EXPIRES_AT] = login.expires_at.isoformat()
    request.session.cycle_key()


@receiver(user_logged_out)
def forget_session(request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    """Delete the login of a session that Django is about to end."""
    if user is not None:
        _delete_login_of_session(request, user)


def _delete_login_of_session(request: HttpRequest, user: User) -> None:
    login_id = request.session.get(LOGIN_ID)
    if login_id is not None:
        queries.logins_of(user.pk).filter(pk=login_id).delete()


def record_token(token: AuthToken, client: str, now: datetime) -> ActiveLogin:
    """Return the login of a bearer token, recorded now where it is new.

    Twice: the same login. A token may have none yet: an older release made it.
    """
    login, _ = ActiveLogin.objects.get_or_create(
        token=token,
        defaults={
            "user_id": token.user_id,
            "kind": LoginKind.TOKEN,
            "client": client,
            "created_at": token.created,
            "last_used_at": now,
            "expires_at": token.expiry or token.created + timedelta(days=settings.TOKEN_DAYS),
        },
    )
    return login


def use_token(token: AuthToken, client: str, now: datetime) -> ActiveLogin | None:
    """Return the login of the token and note that it is used; end it and return None where it was idle too long."""
    login = record_token(token, client, now)
    if login.last_used_at < now - timedelta(days=settings.TOKEN_IDLE_DAYS):
        end_one(login)
        return None
    if login.last_used_at < now - USE_NOTED_EVERY:
        queries.logins_of(token.user_id).filter(pk=login.pk).update(last_used_at=now)
    return login


def end_one(login: ActiveLogin) -> None:
    """End this login. Twice: the second call finds nothing."""
    end(queries.logins_of(login.user_id).filter(pk=login.pk))
    log.info("login_ended", user_id=str(login.user_id), kind=login.kind)


def end(logins: QuerySet[ActiveLogin]) -> int:
    """End these logins and return how many there were. Twice: the second call finds none."""
    found = dict(logins.values_list("pk", "token_id"))
    # By primary keys: a condition on another table is not evaluated again after waiting for a lock.
    AuthToken.objects.filter(pk__in=[digest for digest in found.values() if digest]).delete()
    ActiveLogin.objects.filter(pk__in=list(found)).delete()
    return len(found)


def end_all(user_id: UUID, *, but: UUID | str | None = None) -> int:
    """End every login of the user except the one named by `but`, and return how many there were."""
    ended = end(queries.logins_of(user_id).exclude(pk=but) if but else queries.logins_of(user_id))
    # Those of an older release, never used since, have no login that would have ended them.
    kept = queries.logins_of(user_id).filter(token__isnull=False).values_list("token_id", flat=True)
    queries.login_tokens(user_id).exclude(pk__in=list(kept)).delete()
    log.info("logins_ended", user_id=str(user_id), count=ended)
    return ended


def login_id_of(request: Any, auth: Any = None) -> str | None:
    """Return the id of the login that a request came with: `auth` is its token, else the session counts."""
    if isinstance(auth, AuthToken):
        return str(auth.login.pk)
    login_id: str | None = request.session.get(LOGIN_ID)
    return login_id


def keep_session(request: Any, user: User, login_id: str | None) -> None:
    """Let the session of that login go on although its user's password was changed; nothing for a token."""
    if login_id is not None and request.session.get(LOGIN_ID) == login_id:
        update_session_auth_hash(request, user)


def is_alive(login_id: UUID | str, now: datetime) -> bool:
    """Say whether a login still holds, for a response that is still being sent; that counts as a use of it.

    It does not where the login was ended or is expired, or where its user is gone.
    """
    login = queries.living_logins(now).filter(pk=login_id).first()
    if login is not None and login.last_used_at < now - USE_NOTED_EVERY:
        queries.logins_of(login.user_id).filter(pk=login.pk).update(last_used_at=now)
        queries.sessions_of(login.pk).update(expire_date=expiry_of(login.expires_at, now))
    return login is not None


def forget_expired(now: datetime) -> int:
    """Delete logins whose time is over and those whose session is gone. Twice: the second call finds none."""
    queries.sessions_before(now).delete()
    return end(queries.dead_logins(now))


def client_of(request: Any) -> str:
    """Return what the client calls itself, shortened; empty where it does not say."""
    said = str(request.META.get("HTTP_USER_AGENT", ""))
    printable = "".join(letter for letter in said if letter.isprintable())
    return printable[:CLIENT_MAX_CHARACTERS]
