"""What we must be able to read again and nobody else: sealed under SECRET_KEY before it is stored.

A copy of the database alone (a backup, a replica, a dump for a bug report) opens none of it. Whatever only has to be
recognised is hashed instead; see `accounts.tokens`.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken
from django.utils.crypto import salted_hmac

FIRST_LETTERS = "gAAAA"
"""How each seal begins: Fernet's version, and the upper bytes of a clock in seconds."""


class Unreadable(Exception):
    """Sealed under another SECRET_KEY, or no seal of ours."""


def seal(text: str) -> str:
    """Return the text encrypted and authenticated. Twice: another seal of the same text."""
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Return the text that was sealed. Raises Unreadable."""
    try:
        return _box().decrypt(sealed).decode()
    except (InvalidToken, ValueError):  # ValueError: not even ASCII
        raise Unreadable from None


def _box() -> Fernet:
    # A key of its own, so that nothing sealed or signed elsewhere with SECRET_KEY fits here.
    key = salted_hmac("api.sealing", "key", algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(key))
