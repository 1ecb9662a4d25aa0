"""Optional parts of the library: each needs packages that its extra installs."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Name the extra where an import of the block finds a package missing. Raises ModuleNotFoundError."""
    try:
        yield
    except ModuleNotFoundError as error:
        hint = f'{error.name} is not installed: pip install "celery-ledger[{extra}]"'
        raise ModuleNotFoundError(hint, name=error.name) from None
