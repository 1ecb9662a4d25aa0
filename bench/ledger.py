"""The ledger's statements on five million rows (ours) beside five thousand (baseline): what is flat has a ratio near 1.

`python -m bench ledger`; not part of the default list, since filling takes minutes and about 10 GB in the temporary
folder. Two databases of one server take turns, with the same jobs under way and settled ones in the same mix: only
the number of settled jobs differs. All goes through the functions that workers, relay, exporter and API call.
"""

import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from bench.row import Row
from config import env
from config.services import ensure

SMALL, LARGE = 5_000, 5_000_000
LARGE_DATABASE = "large"
#: Turns of each database; each turn begins with an unmeasured one that fills the caches.
TURNS = 6
BATCH = 100
LOST = 20
#: Settled jobs lie evenly in these days, so that the oldest are due to be purged.
DAYS = 8

Watch = dict[str, list[float]]

_FILL = """
    insert into celery_ledger_job (id, root_id, name, queue, state, args, kwargs, canvas, headers, run_at, created_at,
        published_at, started_at, finished_at, attempts, max_attempts, attempts_before, publications, worker,
        order_key, unique_key, request_id, error, result)
    select md5(n::text)::uuid, md5(n::text)::uuid, kind.name, kind.queue, kind.state,
        model.args, model.kwargs, model.canvas, model.headers, at, at, at, at, at + interval '1 second',
        1, 5, 0, 1, model.worker,
        case when n %% 20 = 0 then 'user/' || n %% 5003 end, case when n %% 50 = 0 then 'tick/' || n end,
        md5((n / 3)::text), case when kind.state = 'dead' then 'no such mailbox' else '' end, 'null'
    from generate_series(%(first)s::bigint, %(last)s::bigint) as n
    cross join (select * from celery_ledger_job where name = 'bench.nothing' order by seq limit 1) as model
    cross join lateral (select now() - (%(last)s - n) * (%(days)s * interval '1 day' / %(size)s) as at) as moment
    cross join lateral (select
        case when n %% 100000 = 7 then 'bench.rare' else (%(names)s::text[])[choice] end as name,
        case when n %% 100000 = 7 then 'rare' else (%(queues)s::text[])[choice] end as queue,
        case when n %% 1000 = 1 then 'dead' when n %% 1000 < 10 then 'cancelled' else 'succeeded' end as state
        from (select 1 + floor(%(kinds)s * power(('x' || left(md5('k' || n), 7))::bit(28)::int / 2.0^28, 3))::int
            as choice) as chosen) as kind
"""
_FILL_ERRORS = """
    insert into celery_ledger_error (job_id, attempt, at, worker, fate, error_class, message, traceback)
    select md5(n::text)::uuid, 1, finished_at, worker, 'transient', 'Transient', 'mail server not reachable',
        repeat('  File "accounts/mail/emails.py", line 40, in send' || n, 20)
    from generate_series(%(first)s::bigint + 1, %(last)s::bigint, 100) as n
    join celery_ledger_job on id = md5(n::text)::uuid
"""


def main() -> None:
    """Print the rows as JSON."""
    env.select_settings()
    ensure(env.load())
    django.setup()
    call_command("migrate", verbosity=0)
    import bench.tasks  # noqa: F401, PLC0415 - declares the task in this process; needs Django set up

    databases = _fill()
    seen: dict[str, Watch] = {name: defaultdict(list) for name in databases}
    for turn in range(TURNS):
        for name, database in databases.items():
            _use(database)
            # A commit's wait for the disk is the same in both, and would hide what differs.
            _execute("set synchronous_commit = off")
            _turn(defaultdict(list))
            _turn(seen[name])
        print(f"ledger: turn {turn + 1} of {TURNS}", file=sys.stderr)
    middle = {name: {what: statistics.median(all_) for what, all_ in seen[name].items()} for name in seen}
    print(
        json.dumps(
            [
                Row(what=what, unit="ms", ours=1000 * middle["large"][what], baseline=1000 * small)
                for what, small in middle["small"].items()
            ]
        )
    )


def _fill() -> dict[str, str]:
    """Make both databases and return their names."""
    from celery_ledger import enqueue  # noqa: PLC0415 - needs Django set up

    enqueue("bench.nothing")
    small = str(connection.settings_dict["NAME"])
    _insert(1, SMALL, SMALL)
    _execute("vacuum analyze")
    # A database can be copied only while nobody is connected to it.
    _use("postgres")
    _execute(f"create database {LARGE_DATABASE} template {small}")
    _use(LARGE_DATABASE)
    began_at = time.perf_counter()
    with _no_indexes():
        _insert(SMALL + 1, LARGE, LARGE)
    _execute("vacuum analyze")
    _execute("checkpoint")
    print(f"ledger: {LARGE} rows in {time.perf_counter() - began_at:.0f} s", file=sys.stderr)
    return {"small": small, "large": LARGE_DATABASE}


def _insert(first: int, last: int, size: int) -> None:
    from celery import current_app  # noqa: PLC0415 - the application needs Django set up

    declared = ((name, getattr(task, "job_queue", None)) for name, task in current_app.tasks.items())
    kinds = sorted((name, queue) for name, queue in declared if queue)
    parameters: dict[str, Any] = {
        "first": first,
        "last": last,
        "size": size,
        "days": DAYS,
        "kinds": len(kinds),
        "names": [name for name, _ in kinds],
        "queues": [queue for _, queue in kinds],
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_FILL, parameters)
        cursor.execute(_FILL_ERRORS, parameters)


@contextmanager
def _no_indexes() -> Iterator[None]:
    """Drop the indexes of the ledger and build them afterwards, which takes a tenth of filling them row by row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select indexname, indexdef from pg_indexes"
            " where tablename = 'celery_ledger_job' and indexname <> 'celery_ledger_job_pkey'"
        )
        indexes = cursor.fetchall()
    for name, _ in indexes:
        _execute(f"drop index {name}")
    yield
    _execute("set maintenance_work_mem = '512MB'")
    for _, definition in indexes:
        _execute(definition)


def _turn(watch: Watch) -> None:
    """Measure each act once, or once for each of a batch; every job that is asked for is settled."""
    from celery_ledger import enqueue  # noqa: PLC0415 - needs Django set up
    from celery_ledger.ledger import claims, due_jobs, rows, settlements  # noqa: PLC0415
    from celery_ledger.models import Job  # noqa: PLC0415
    from celery_ledger.operations import metrics, retention  # noqa: PLC0415
    from celery_ledger.settling.rescue import rescue  # noqa: PLC0415
    from config import queues  # noqa: PLC0415

    def timed(what: str, act: Callable[[], Any]) -> Any:
        began_at = time.perf_counter()
        result = act()
        watch[what].append(time.perf_counter() - began_at)
        return result

    names, in_flight = list(queues.NAMES), settings.JOB_MAX_IN_FLIGHT
    for number in range(BATCH):
        timed("enqueue", lambda: enqueue("bench.nothing", order_key=f"bench/{number}"))  # noqa: B023 - at once
    taken = timed(
        f"relay: take {BATCH} due jobs", lambda: due_jobs.take_due(names, batch=BATCH, in_flight=in_flight)
    )
    timed("relay: when is the next due", lambda: due_jobs.next_due_seconds(names, limit=1.0))
    timed("rescue, nothing lost", rescue)
    claimed: list[rows.Claimed] = [
        timed("claim", lambda: claims.claim(job.id, uuid4(), "bench/1", 60))  # noqa: B023
        for job in taken
    ]
    timed("exporter: jobs under way and dead", metrics.live_counts)
    timed("exporter: backlog of each queue", lambda: metrics.backlogs(names))
    timed("exporter: jobs of each worker", metrics.active_by_worker)
    lost, held = claimed[:LOST], claimed[LOST:]
    for job in held:
        timed("settle", lambda: settlements.settle_succeeded(job.id, job.claim_token, None))  # noqa: B023
    Job.objects.filter(pk__in=[job.id for job in lost]).update(lease_until=timezone.now())
    timed(f"rescue {LOST} lost jobs", rescue)
    for due in due_jobs.take_due(names, batch=BATCH, in_flight=in_flight):
        token = uuid4()
        claims.claim(due.id, token, "bench/1", 60)
        settlements.settle_succeeded(due.id, token, None)
    _look(timed)
    timed(f"purge {BATCH} jobs", lambda: retention.purge(BATCH))


def _look(timed: Callable[[str, Callable[[], object]], object]) -> None:
    """Measure what people and the exporter ask."""
    from celery_ledger.ledger import inserts  # noqa: PLC0415 - needs Django set up
    from celery_ledger.operations import metrics  # noqa: PLC0415 - needs Django set up
    from celery_ledger.operations.listing import Wanted, matching, without_tracebacks  # noqa: PLC0415
    from celery_ledger.states import JobState  # noqa: PLC0415

    def page(**wanted: Any) -> Callable[[], object]:
        return lambda: list(without_tracebacks(matching(Wanted(**wanted)))[:51])

    timed("look for a unique key", lambda: inserts.id_of_unique_key("tick/4950"))
    timed("first page of all", page())
    for state in (JobState.SUCCEEDED, JobState.DEAD, JobState.SCHEDULED):
        timed(f"first page of state {state}", page(states=(state,)))
    timed("first page of a name", page(name="bench.nothing"))
    timed("first page of a rare name", page(name="bench.rare"))
    timed("first page of a queue", page(queue="mail"))
    timed("first page of a rare queue", page(queue="rare"))
    attempts = metrics.Attempts()
    timed("exporter: attempts, first count", lambda: attempts.count(timezone.now()))
    timed("exporter: attempts, each further count", lambda: attempts.count(timezone.now()))
    timed("exporter: settled jobs", metrics.settled_counts)


def _use(database: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = database


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


if __name__ == "__main__":
    main()
