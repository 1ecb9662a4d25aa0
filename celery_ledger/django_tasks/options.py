"""`OPTIONS` of a backend: what Django's interface has no word for, for all tasks of an alias."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True)
class Options:
    """How tasks of a backend run. None: Celery's time limits, the ledger's number of attempts."""

    soft_seconds: int | None = None
    hard_seconds: int | None = None
    max_attempts: int | None = None

    @classmethod
    def read(cls, alias: str, given: Mapping[str, Any]) -> "Options":
        """Return the options of a backend. Raises ImproperlyConfigured for one that is unknown or out of range."""
        names = [field.name for field in fields(cls)]
        for name, value in given.items():
            if name not in names:
                raise ImproperlyConfigured(
                    f"TASKS[{alias!r}]: unknown option {name!r}; allowed are {', '.join(names)}"
                )
            if not _is_positive(value):
                raise ImproperlyConfigured(
                    f"TASKS[{alias!r}]: option {name} must be a whole number above 0, not {value!r}"
                )
        options = cls(**given)
        if options.soft_seconds and options.hard_seconds and options.soft_seconds >= options.hard_seconds:
            raise ImproperlyConfigured(f"TASKS[{alias!r}]: soft_seconds must be below hard_seconds")
        return options


def _is_positive(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0)
