"""Clients that write jobs into the ledger at the same time, one in each transaction, with fsync on.

PostgreSQL lets transactions that notify commit one at a time. `celery_ledger.ledger.wakeup` notifies after the commit,
in a session of its own; the baselines are no notification at all, and NOTIFY in the client's transaction. All three
take turns.
"""

import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import permutations
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from uuid import uuid4

import django
from django.core.management import call_command
from django.db import connection, transaction

from bench.row import Row
from config import env
from config.services import ensure

CLIENTS = 16
#: Many short turns: whatever else the machine does meets all three alike.
TURNS = 18
TURN_SECONDS = 1.5
#: Each turn begins with this, not counted: the last notification of the turn before is sent, and all clients run.
WARM_UP_SECONDS = 0.6

Wake = Callable[[], None]


def main() -> None:
    """Print the rows as JSON."""
    env.select_settings()
    ensure(env.load())
    django.setup()
    call_command("migrate", verbosity=0)
    # A session must not be shared with a forked process.
    connection.close()
    rates = _measure()
    middle = {variant: statistics.median(all_) for variant, all_ in rates.items()}
    what = f"{CLIENTS} clients, one job in each transaction"
    against = {"no notification": "nothing", "NOTIFY in the transaction": "notify"}
    print(
        json.dumps(
            [
                Row(
                    what=f"{what}; beside {words}",
                    unit="jobs/s",
                    ours=middle["ours"],
                    baseline=middle[variant],
                )
                for words, variant in against.items()
            ]
        )
    )


def _measure() -> dict[str, list[float]]:
    """Return the jobs per second of each variant, one figure for each turn."""
    variants = _variants()
    fork = multiprocessing.get_context("fork")
    start, counts = fork.Barrier(CLIENTS + 1), fork.SimpleQueue()
    clients = [
        fork.Process(target=_client, args=(variants, start, counts), daemon=True) for _ in range(CLIENTS)
    ]
    listener = fork.Process(target=_listen, daemon=True)
    for process in (listener, *clients):
        process.start()
    rates: dict[str, list[float]] = {name: [] for name in variants}
    for name in _order(variants):
        start.wait()
        rates[name].append(sum(counts.get() for _ in clients) / TURN_SECONDS)
    for name, all_ in rates.items():
        quarters = ", ".join(f"{quarter:.0f}" for quarter in statistics.quantiles(all_, n=4))
        print(f"asking: {name}: quartiles {quarters} jobs/s of {TURNS} turns", file=sys.stderr)
    for client in clients:
        client.join()
    listener.terminate()
    return rates


def _variants() -> dict[str, Wake]:
    from celery_ledger.ledger import due_jobs, wakeup  # noqa: PLC0415 - needs Django set up

    def notify() -> None:
        with connection.cursor() as cursor:
            cursor.execute("select pg_notify(%s, '')", [due_jobs.CHANNEL])

    return {"nothing": lambda: None, "ours": wakeup.wake_relays, "notify": notify}


def _order(variants: dict[str, Wake]) -> Iterator[str]:
    """Yield whose turn it is: each follows each other one equally often."""
    orders = list(permutations(variants))
    for turn in range(TURNS):
        yield from orders[turn % len(orders)]


def _client(variants: dict[str, Wake], start: Barrier, counts: "SimpleQueue[int]") -> None:
    for name in _order(variants):
        wake = variants[name]
        start.wait()
        counted_from = time.monotonic() + WARM_UP_SECONDS
        count = 0
        while (now := time.monotonic()) < counted_from + TURN_SECONDS:
            _write_job(wake)
            count += now >= counted_from
        counts.put(count)


def _write_job(wake: Wake) -> None:
    # What `enqueue` does in the database. Its checks need a core, and the clients share few.
    from celery_ledger.ledger import inserts, rows  # noqa: PLC0415 - needs Django set up

    key = str(uuid4())
    job = rows.NewJob(
        id=key,
        name="bench.nothing",
        queue="maintenance",
        args=[],
        kwargs={},
        canvas={},
        headers={"id": key, "task": "bench.nothing"},
        max_attempts=5,
        run_at=None,
        delay_seconds=0.0,
        order_key=None,
        unique_key=None,
        share_key=None,
        root_id=key,
        parent_id=None,
        group_id=None,
        group_index=None,
        request_id="",
    )
    with transaction.atomic():
        inserts.insert_jobs([job])
        wake()


def _listen() -> None:
    """Hear what is notified, as a relay does, and do nothing."""
    from celery_ledger.ledger import due_jobs  # noqa: PLC0415 - needs Django set up

    with connection.cursor() as cursor:
        cursor.execute(f"listen {due_jobs.CHANNEL}")
    for _ in connection.connection.notifies():
        pass


if __name__ == "__main__":
    main()
