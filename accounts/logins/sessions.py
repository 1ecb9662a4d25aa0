"""Sessions of the web pages; `settings.SESSION_ENGINE` names this module.

Django's sessions in the database, each tied to its `ActiveLogin`. A session ends when it was not used for
SESSION_IDLE_MINUTES, when SESSION_MAX_HOURS have passed since the login, or when its login is deleted.
"""

import re
from datetime import datetime, timedelta
from typing import Any, cast

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.sessions.backends import db
from django.utils import timezone

from accounts.logins.models import ActiveLogin, Session

KEY = re.compile(r"[0-9a-z]{32}")
LOGIN_ID = "_login_id"
LOGIN_EXPIRES_AT = "_login_expires_at"
USE_NOTED_EVERY = timedelta(minutes=1)
"""A use is written down at most this often: a player asks for a segment every few seconds."""


class SessionStore(db.SessionStore):
    """Django's store, with a login for each session, idle expiry, and fewer questions to the database."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """Return our model of a session."""
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """Return the row of this session: expired when it is idle, at the latest when its login expires."""
        return _tied_to_login(cast(Session, super().create_model_instance(data)), data)

    async def acreate_model_instance(self, data: dict[str, Any]) -> Session:
        """Return the same for asynchronous callers."""
        return _tied_to_login(cast(Session, await super().acreate_model_instance(data)), data)

    def _validate_session_key(self, key: str | None) -> bool:
        """Say whether `key` is one that `_get_new_session_key` may have made.

        Django would ask the database about any cookie of eight characters; a NUL in it would be an error there.
        """
        return key is not None and KEY.fullmatch(key) is not None

    def _get_session_from_db(self) -> Session | None:
        row: Session | None = super()._get_session_from_db()  # type: ignore[misc]  # not in the stubs
        if row is not None:
            _note_use(row, timezone.now())
        return row

    async def _aget_session_from_db(self) -> Session | None:
        row: Session | None = await super()._aget_session_from_db()  # type: ignore[misc]  # not in the stubs
        if row is not None:
            await sync_to_async(_note_use)(row, timezone.now())
        return row


def expiry_of(login_expires_at: datetime | None, now: datetime) -> datetime:
    """Return when a session that is used `now` ends unless it is used again."""
    idle_until = now + timedelta(minutes=settings.SESSION_IDLE_MINUTES)
    return min(idle_until, login_expires_at) if login_expires_at else idle_until


def _tied_to_login(row: Session, data: dict[str, Any]) -> Session:
    login_id, expires_at = data.get(LOGIN_ID), data.get(LOGIN_EXPIRES_AT)
    row.login_id = login_id
    row.expire_date = expiry_of(datetime.fromisoformat(expires_at) if expires_at else None, timezone.now())
    return row


def _note_use(row: Session, now: datetime) -> None:
    idle = timedelta(minutes=settings.SESSION_IDLE_MINUTES)
    if row.login_id is None or row.expire_date - now > idle - USE_NOTED_EVERY:
        return
    login = ActiveLogin.objects.filter(pk=row.login_id)
    expires_at = login.values_list("expires_at", flat=True).first()
    if expires_at is None or expiry_of(expires_at, now) <= row.expire_date:
        return
    Session.objects.filter(pk=row.pk).update(expire_date=expiry_of(expires_at, now))
    login.update(last_used_at=now)
