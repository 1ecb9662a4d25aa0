"""Django's password hashers, of which few compute at a time in one process: see `hashing`."""

from typing import Any

from django.contrib.auth import hashers

from accounts.password_checks import hashing
from api.connections import release


class _InTurn(hashers.BasePasswordHasher):
    """Whoever hashes or compares a password waits for a turn, whichever library or page asked for it."""

    def encode(self, password: str, salt: str, *args: Any, **kwargs: Any) -> Any:
        """Return the hash, without a database connection held meanwhile."""
        with hashing.turn():
            release()
            return super().encode(password, salt, *args, **kwargs)

    def verify(self, password: str, encoded: str) -> bool:
        """Say whether the hash is the password's, without a database connection held meanwhile."""
        with hashing.turn():
            release()
            return super().verify(password, encoded)


class Argon2PasswordHasher(_InTurn, hashers.Argon2PasswordHasher):
    """Argon2id with 100 MiB, as Django has it, on one core instead of eight threads.

    The parallelism of a hash helps a machine that has idle cores and one login. A server has many logins, and the
    threads of one hash took the time of every other request.
    """

    parallelism = 1


class PBKDF2PasswordHasher(_InTurn, hashers.PBKDF2PasswordHasher):
    """Django's PBKDF2."""
