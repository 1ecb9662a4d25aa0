"""`python -m bench [jobs] [asking] [chords] [video] [ledger]`: run the benchmarks and print one table.

Each figure stands beside its baseline. Without a name: all but `ledger`, which fills a table of five million rows and
takes minutes.

Every benchmark runs in a process and a data folder of its own, with the embedded services; the two sides of
a row take turns, and the median counts: machines are noisy, ratios hold.
"""

import json
import subprocess
import sys
import tempfile

from rich.console import Console
from rich.table import Table

from bench.row import Row
from config import env

BENCHMARKS = ("jobs", "asking", "chords", "video", "ledger")
DEFAULT = BENCHMARKS[:4]


def main() -> None:
    """Run what was named."""
    names = sys.argv[1:] or list(DEFAULT)
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        raise SystemExit(
            f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}"
        )
    table = Table("what", "ours", "baseline", "ratio", "unit")
    for name in names:
        for row in _rows_of(name):
            ratio = f"{row['ours'] / row['baseline']:.2f}"
            table.add_row(row["what"], f"{row['ours']:.3g}", f"{row['baseline']:.3g}", ratio, row["unit"])
    Console().print(table)


def _rows_of(name: str) -> list[Row]:
    print(f"{name} ...", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="offstage-bench-") as folder:
        environment = env.inherited(
            {"OFFSTAGE_DATA": folder, "LOG_LEVEL": "error", "EMAIL_URL": "smtp://127.0.0.1:9"}
        )
        command = [sys.executable, "-m", f"bench.{name}"]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    rows: list[Row] = json.loads(done.stdout.splitlines()[-1])
    return rows


if __name__ == "__main__":
    main()
