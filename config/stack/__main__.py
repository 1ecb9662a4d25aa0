"""`python -m config.stack`: the whole application in the foreground, as `make run` starts it."""

import asyncio
import sys

from rich.console import Console as Terminal

from config import env
from config.stack.parts import Part, parts_of
from config.stack.supervisor import Supervisor


def main() -> int:
    """Run the stack until Ctrl-C or SIGTERM; return its exit status."""
    environment = env.load()
    terminal = Terminal()
    parts = parts_of(environment, on_terminal=terminal.is_terminal)
    migrate = Part("migrate", (sys.executable, "-m", "config.stack.migrate"))
    # rich knows NO_COLOR, TERM=dumb and the like.
    colour = terminal.is_terminal and not terminal.no_color
    return asyncio.run(Supervisor(environment, parts, migrate, colour=colour).run())


if __name__ == "__main__":
    sys.exit(main())
