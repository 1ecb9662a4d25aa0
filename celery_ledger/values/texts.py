"""Texts that others wrote, made fit to be stored and shown: of bounded length and printable."""

from collections.abc import Callable
from typing import Any


def cut(text: str, max_chars: int) -> str:
    """Return the text, its middle left out and the gap marked where it is longer than `max_chars`.

    The end stays as well as the beginning: a traceback's last line is its point.
    """
    if len(text) <= max_chars:
        return text
    mark = f" ... [{len(text) - max_chars} characters cut] ... "
    half = max(0, max_chars - len(mark)) // 2
    return text[:half] + mark + text[len(text) - half :]


def storable(text: str) -> str:
    """Return the text with NUL and lone surrogates, which PostgreSQL refuses, written as escapes."""
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()


def printable(value: Any, describe: Callable[[Any], str]) -> str:
    """Return `describe(value)` as a storable text, or a note where describing the value raises."""
    try:
        return storable(describe(value))
    except BaseException as error:  # noqa: BLE001 - a body's `__str__` may raise anything, and must not stop settling
        return f"<{type(value).__name__}: its {describe.__name__}() raised {type(error).__name__}>"
