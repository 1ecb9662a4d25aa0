"""Jobs through the ledger beside bare Celery `acks_late`, on the same broker in the same run: Valkey, RabbitMQ.

RabbitMQ is a node of its own, where the package is installed; else one line says so and its rows are left out.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.row import Row
from config import env
from tests.harness.brokers import RabbitMQ
from tests.harness.installed import missing_for_rabbitmq


def main() -> None:
    """Print the rows as JSON."""
    rows = _rows_on("Valkey", {})
    missing = missing_for_rabbitmq()
    if missing:
        print(f"jobs: {missing}; its rows are left out", file=sys.stderr)
    else:
        with _rabbitmq() as url:
            rows += _rows_on("RabbitMQ", {"BROKER_URL": url})
    print(json.dumps(rows))


def _rows_on(broker: str, environment: dict[str, str]) -> list[Row]:
    # A process for each broker: settings are read once, and name one.
    data = env.load().data / broker.lower()
    command = [sys.executable, "-m", "bench.rounds", broker]
    changed = env.inherited({"OFFSTAGE_DATA": str(data), **environment})
    done = subprocess.run(command, env=changed, stdout=subprocess.PIPE, text=True, check=True)
    rows: list[Row] = json.loads(done.stdout.splitlines()[-1])
    return rows


@contextmanager
def _rabbitmq() -> Iterator[str]:
    # Not below OFFSTAGE_DATA: the node makes files with names of its own there, and the folder is ours alone.
    with tempfile.TemporaryDirectory(prefix="offstage-rabbitmq-") as folder, RabbitMQ(Path(folder)) as node:
        yield node.url


if __name__ == "__main__":
    main()
