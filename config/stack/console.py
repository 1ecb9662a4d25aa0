"""What the stack prints: its own lines, and the lines of its parts under their names."""

import sys
from collections.abc import Callable

COLOURS = (36, 32, 35, 33, 34)
NAME_WIDTH = 9


class Console:
    """Writes to stdout; `on_closed` is called once where nobody reads it any more."""

    def __init__(self, *, colour: bool, on_closed: Callable[[], None]) -> None:
        self.colour = colour
        self._on_closed = on_closed
        self._is_closed = False
        self._colour_of: dict[str, int] = {}

    def say(self, line: str) -> None:
        """Print a line of the stack's own."""
        self._write(f"{line}\n")

    def pass_on(self, name: str, lines: list[str]) -> None:
        """Print lines of the part `name`."""
        prefix = self._prefix(name)
        self._write("".join(f"{prefix}{line}\n" for line in lines))

    def _prefix(self, name: str) -> str:
        text = f"{name:<{NAME_WIDTH}}| "
        if not self.colour:
            return text
        number = self._colour_of.setdefault(name, COLOURS[len(self._colour_of) % len(COLOURS)])
        return f"\x1b[{number}m{text}\x1b[0m"

    def _write(self, text: str) -> None:
        if self._is_closed:
            return
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError:  # a closed pipe, or a terminal that went away
            self._is_closed = True
            self._on_closed()
