"""Keys that are made once and kept in OFFSTAGE_DATA, readable by their owner only."""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile


def secret_key(folder: Path) -> str:
    """Return Django's secret key out of `folder`, made at the first call.

    Twice: the same key, however many processes start at the same moment.
    """
    return _kept(folder / "secret_key", lambda: secrets.token_urlsafe(64))


def vapid_key(folder: Path) -> str:
    """Return the private key that signs our push messages, as PEM, made at the first call.

    Browsers bind their subscriptions to it: a new key ends them all. Twice: the same key.
    """
    return _kept(folder / "vapid_key.pem", _new_vapid_key)


def _new_vapid_key() -> str:
    # Imported only by the one process that makes the key: the settings of every other one need the text alone.
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = generate_private_key(SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _kept(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=path.parent, prefix=".key-") as draft:  # mode 0600 from the start
            draft.write(make())
            draft.flush()
            # A link appears whole or not at all, and fails where another process was first.
            with contextlib.suppress(FileExistsError):
                os.link(draft.name, path)
    return path.read_text()
