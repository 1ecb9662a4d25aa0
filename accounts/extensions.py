"""What other apps add to leaving and exporting: functions that the settings name as `module:function`.

Imports point one way, so accounts cannot call the apps above it; `checks` resolves every name at start.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings

type_of_json = dict[str, Any] | list[Any]

Eraser = Callable[[str], int]
"""Takes a user's id, deletes a part of what there is, or all, and returns how many things that was: 0 where
nothing is left. It is called in a transaction, again and again until it returns 0. Files that are gone still
count for the row that knew them: a transaction that failed is repeated, and the count must be the same."""

Exporter = Callable[[str], Iterable[tuple[str, type_of_json | Path]]]
"""Takes a user's id, returns names in the archive, each with what to write as JSON or the file to copy."""


def eraser(step: str) -> Eraser:
    """Return the eraser of a deletion's step, as `settings.ACCOUNT_ERASERS` names it."""
    return load(settings.ACCOUNT_ERASERS[step])


def exporters() -> list[Exporter]:
    """Return the exporters that `settings.ACCOUNT_EXPORTERS` names, a list."""
    return [load(path) for path in settings.ACCOUNT_EXPORTERS]


def load(path: str) -> Callable[..., Any]:
    """Return the function at `module:function`. Raises ImportError where there is none."""
    module, _, name = path.partition(":")
    found = getattr(import_module(module), name, None)
    if not callable(found):
        raise ImportError(f"{path} is not a function")  # noqa: TRY004 - the name leads nowhere, as above
    function: Callable[..., Any] = found
    return function
