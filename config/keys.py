"""Keys that are made once and kept in OFFSTAGE_DATA, readable by their owner only."""

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


def _kept(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=path.parent, prefix=".key-") as draft:  # mode 0600 from the start
            draft.write(make())
            draft.flush()
            try:
                # A link appears whole or not at all, and fails where another process was first.
                os.link(draft.name, path)
            except FileExistsError:
                pass
    return path.read_text()
