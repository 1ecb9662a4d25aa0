"""Runs the supervisor on parts that a test made up: `python -m tests.harness.stack_of JSON`.

JSON: {"migrate": [argv], "parts": [{"name", "command", "url"?, "ready_line"?}]}.
"""

import asyncio
import json
import re
import sys

from config import env
from config.stack.parts import Part
from config.stack.supervisor import Supervisor


def main() -> int:
    wanted = json.loads(sys.argv[1])
    parts = [
        Part(
            part["name"],
            tuple(part["command"]),
            url=part.get("url"),
            ready_line=re.compile(part["ready_line"]) if "ready_line" in part else None,
        )
        for part in wanted["parts"]
    ]
    migrate = Part("migrate", tuple(wanted["migrate"]))
    return asyncio.run(Supervisor(env.load(), parts, migrate, colour=False).run())


if __name__ == "__main__":
    sys.exit(main())
