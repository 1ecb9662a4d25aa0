"""How values are written into the ledger: Celery's JSON, as kombu writes it, checked for what PostgreSQL can store.

A datetime, UUID, Decimal or bytes is stored in kombu's tagged form (`{"__type__": ..., "__value__": ...}`) and read
back as what it was. A tuple becomes a list and a dictionary's keys become strings, as in every JSON.
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kombu.utils.json import JSONEncoder, object_hook, register_type

from celery_ledger.values.texts import cut, printable

#: PostgreSQL's JSONB holds 256 MiB, and its own form takes more room than the text.
MAX_CHARS = 128 * 2**20
#: The longest representation that is kept of a value that cannot be written.
MAX_REPR_CHARS = 1000

# An odd number of backslashes before it makes the escape one; an even number is a text about escapes.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class Unwritable(TypeError):
    """A value that the ledger cannot store. A TypeError, as Python's own encoder raises."""


@dataclass(frozen=True)
class Unserialisable:
    """Stands for the result of a job that succeeded and returned what no JSON can hold."""

    type_name: str
    reason: str
    text: str

    def __str__(self) -> str:
        return f"a result of type {self.type_name} cannot be stored: {self.reason}"


@dataclass(frozen=True)
class OwnState:
    """A state that a task has given its unfinished job by `update_state`, kept in the place of the result."""

    state: str
    meta: Any


class _Encoder(JSONEncoder):
    def default(self, o: Any) -> Any:
        if isinstance(o, bytes) and b"\x00" in o:
            # kombu would write them as text, and PostgreSQL stores no text with a NUL.
            return {"__type__": "base64", "__value__": b64encode(o).decode()}
        return super().default(o)


_encode = _Encoder(allow_nan=False).encode


def dumps(value: Any) -> str:
    """Return the value as JSON that PostgreSQL stores. Raises Unwritable where there is none."""
    try:
        text = _encode(value)
    except Exception as error:  # noqa: BLE001 - a value's own `__json__` may raise anything
        raise Unwritable(_reason_of(error)) from None
    if len(text) > MAX_CHARS:
        raise Unwritable(f"{len(text)} characters of JSON; {MAX_CHARS} at most can be stored")
    if "\\u0000" in text and _NUL.search(text):
        raise Unwritable("a text with a NUL character cannot be stored")
    if "\\ud" in text:
        _refuse_lone_surrogates(text)
    if '"__type__"' in text:
        _refuse_unreadable(text)
    return text


def loads(text: str) -> Any:
    """Return the value that `dumps` has written."""
    # The hook is a call for each dictionary; few values need it.
    return json.loads(text, object_hook=object_hook) if '"__type__"' in text else json.loads(text)


def to_json(value: Any) -> Any:
    """Return the value as plain JSON, for a column that Django writes. Raises Unwritable."""
    return json.loads(dumps(value))


def from_json(value: Any) -> Any:
    """Return the value that `to_json` was given, from a column that Django has read."""
    if isinstance(value, dict):
        return object_hook({key: from_json(item) for key, item in value.items()})
    if isinstance(value, list):
        return [from_json(item) for item in value]
    return value


def marked(value: Any, error: Exception) -> Unserialisable:
    """Return the mark that is stored in the place of a result that cannot be written."""
    kind = type(value)
    text = cut(printable(value, repr), MAX_REPR_CHARS)
    return Unserialisable(cut(f"{kind.__module__}.{kind.__qualname__}", 200), str(error), text)


def mark_in(value: Any) -> Unserialisable | None:
    """Return the first mark among a value and the lists inside it: a job's result, or all of a chord's."""
    if isinstance(value, Unserialisable):
        return value
    if isinstance(value, list) and not _PLAIN.issuperset(map(type, value)):
        return next(filter(None, map(mark_in, value)), None)
    return None


_PLAIN = frozenset({str, int, float, bool, type(None), dict})


def _reason_of(error: Exception) -> str:
    return cut(f"{type(error).__name__}: {printable(error, str)}", MAX_REPR_CHARS)


def _refuse_lone_surrogates(text: str) -> None:
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Unwritable("a text with half a surrogate pair cannot be stored") from None


def _refuse_unreadable(text: str) -> None:
    # A dictionary that only looks like a tagged value.
    try:
        json.loads(text, object_hook=object_hook)
    except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise Unwritable(f"a dictionary of __type__ and __value__ cannot be read back: {error!r}") from None


def _read(kind: type) -> Callable[[dict[str, Any]], Any]:
    return lambda fields: kind(**fields)


register_type(Unserialisable, "unserialisable", vars, _read(Unserialisable))
register_type(OwnState, "state", vars, _read(OwnState))
