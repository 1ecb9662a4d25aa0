"""A remedy lasts as long as the defect: a test runs the library's own code, and says so once that is mended."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

import pytest


def mended(package: str, remedy: str) -> str:
    """Return what to do about a defect that is not there any more."""
    return f"{package} {version(package)} has mended this: delete {remedy}, and its line in docs/defects.md"


@contextmanager
def still_raises(*errors: type[BaseException], package: str, remedy: str) -> Iterator[None]:
    """Fail where the block raises none of the errors: the remedy is needed no longer."""
    try:
        yield
    except errors:
        return
    pytest.fail(mended(package, remedy))
