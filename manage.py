#!/usr/bin/env python
"""Django's commands, with the embedded services running where a command needs them."""

import sys

from django.core.management import execute_from_command_line

from config import env
from config.services import ensure

# These answer from the code alone, so `make check` and an image's build need no database; the demo is a client of a
# stack that runs already.
NEED_NO_SERVICES = {
    "check",
    "collectstatic",
    "demo",
    "help",
    "makemigrations",
    "spectacular",
    "startapp",
    "version",
}


def main() -> None:
    """Run one command; a variable that does not parse ends it before Django is loaded."""
    env.select_settings()
    environment = env.load()
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "help")
    if command not in NEED_NO_SERVICES and "--help" not in sys.argv:
        ensure(environment)
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
