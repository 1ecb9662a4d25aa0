"""`python -m tests.chaos`: every fault on every broker that is there, and the table of what became of it."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import django

from config import env
from tests.harness.house import House


def main() -> int:
    # Told to stop, it still clears away what it has started.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    wanted = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="offstage-chaos-"))
    _stand_in(folder)
    django.setup()
    from tests.chaos import faults, run  # noqa: PLC0415 - they import models

    if wanted.list:
        sys.stdout.write(
            "\n".join(f"{row.name} ({row.instant}): {', '.join(row.brokers)}" for row in faults.ALL)
        )
        shutil.rmtree(folder)
        return 0
    return run.run(wanted, folder)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "--broker", action="append", choices=("valkey", "rabbitmq", "sqs"), help="only on this one"
    )
    parser.add_argument(
        "--fault", action="append", default=[], help="only faults whose name or instant has this in it"
    )
    parser.add_argument("--short", action="store_true", help="the form that is part of `make test-all`")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="replays the order of the load")
    parser.add_argument("--keep", action="store_true", help="leave the logs where they are")
    parser.add_argument("--list", action="store_true", help="name the faults and end")
    return parser.parse_args()


def _stand_in(folder: Path) -> None:
    """Make this process one of the house: its database, and nothing of the caller's environment."""
    house = House(
        folder,
        BROKER_URL="redis://127.0.0.1:1/0",
        CACHE_URL="redis://127.0.0.1:1/0",
        EMAIL_URL="smtp://127.0.0.1:1",
    )
    environ = os.environ  # noqa: TID251 (it sets what the program reads)
    for variable in env.variables():
        environ.pop(variable.name, None)
    environ.update(house.variables)
    environ["LOG_LEVEL"] = "error"  # of this process; the parts say what they do in their logs
    environ["DJANGO_SETTINGS_MODULE"] = "tests.chaos.app.settings"


if __name__ == "__main__":
    sys.exit(main())
