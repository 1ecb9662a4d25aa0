"""Sessions of the web pages; `settings.SESSION_ENGINE` names this module."""

import re

from django.contrib.sessions.backends import db

KEY = re.compile(r"[0-9a-z]{32}")


class SessionStore(db.SessionStore):
    """Django's, which asks the database about any cookie of eight characters: a NUL in it would be an error there."""

    def _validate_session_key(self, key: str | None) -> bool:
        """Say whether `key` is one that `_get_new_session_key` may have made."""
        return key is not None and KEY.fullmatch(key) is not None
