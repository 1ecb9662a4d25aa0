"""What we must be able to read again and nobody else: sealed under SECRET_KEY before it is stored.

A copy of the database alone (a backup, a replica, a dump for a bug report) opens none of it. Whatever only has to be
recognised is hashed instead; see `accounts.mail.mailed_tokens`.

SECRET_KEY can be replaced: what SECRET_KEY_FALLBACKS sealed is still read, and `manage.py reseal` seals it anew.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.crypto import salted_hmac

FIRST_LETTERS = "gAAAA"
"""How each seal begins: Fernet's version, and the upper bytes of a clock in seconds."""


class Unreadable(Exception):
    """Sealed under a SECRET_KEY that is neither the present one nor a fallback, or no seal of ours."""


def seal(text: str) -> str:
    """Return the text encrypted and authenticated. Twice: another seal of the same text."""
    return _boxes().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Return the text that was sealed. Raises Unreadable."""
    try:
        return _boxes().decrypt(sealed).decode()
    except (InvalidToken, ValueError):  # ValueError: not even ASCII
        raise Unreadable from None


def reseal(sealed: str) -> str:
    """Return the same text, sealed under the present SECRET_KEY. Raises Unreadable. Twice: another seal of it."""
    return seal(unseal(sealed))


def is_current(sealed: str) -> bool:
    """Say whether the present SECRET_KEY alone reads it."""
    try:
        _box(settings.SECRET_KEY).decrypt(sealed)
    except (InvalidToken, ValueError):
        return False
    return True


def _boxes() -> MultiFernet:
    """Return what seals under the first key, and reads what any of them sealed."""
    return MultiFernet([_box(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _box(secret_key: str) -> Fernet:
    # A key of its own, so that nothing sealed or signed elsewhere with SECRET_KEY fits here.
    key = salted_hmac("api.sealing", "key", secret=secret_key, algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(key))
