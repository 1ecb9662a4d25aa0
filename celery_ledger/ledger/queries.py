"""All raw SQL of the ledger, one statement a function.

Due times and leases are compared by the database's clock: the clocks of workers differ, the
database's does not. Values are `clock_timestamp()`, comparisons `statement_timestamp()`: `now()` stands still
inside a transaction, and an index can't be searched for a volatile function.
"""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.types.json import Jsonb

from celery_ledger.current import AskedRetry
from celery_ledger.values import wire

#: The channel on which a commit with due jobs wakes the relays.
CHANNEL = "celery_ledger_due"

#: The wait of a job that is replaced by the end of a canvas: the canvas ends it, not the clock.
_AGES = "interval '100 years'"
# It has run, unlike a job whose caller asked for so long a delay.
_AWAITING = f"attempts > 0 and run_at > clock_timestamp() + {_AGES} / 2"

#: The condition of the indexes ledger_job_due and ledger_job_share, each beside its half of `_SHARED_OR_NOT`.
_DUE = "published_at is null and state in ('queued', 'scheduled', 'retrying')"
_SHARED_OR_NOT = ("share_key is null", "share_key is not null")
_DUE_UNSHARED = f"{_DUE} and share_key is null"

#: Of a waiting `job`: its time has come and is not over, and no other job of its order key goes before it.
TURN_HAS_COME = """
    job.run_at <= statement_timestamp()
    and (job.expires_at is null or job.attempts > 0 or job.expires_at > statement_timestamp())
    and (job.order_key is null or not exists (
        select 1 from celery_ledger_job other
        where other.order_key = job.order_key
            and other.state in ('queued', 'scheduled', 'retrying', 'running')
            and other.id <> job.id
            and (other.seq < job.seq or other.state = 'running' or other.published_at is not null)))
"""

#: The priorities that jobs wait with, by queue: read off the index ledger_job_due, a step for each.
_LEVEL = f"""
    level as (
        select queue, (
            select min(priority) from celery_ledger_job where queue = wanted.queue and {_DUE_UNSHARED}) as priority
        from unnest(%(queues)s::text[]) as wanted(queue)
        union all
        select queue, (
            select min(priority) from celery_ledger_job
            where queue = level.queue and priority > level.priority and {_DUE_UNSHARED})
        from level where priority is not null)
"""  # noqa: S608 - constants

_JSON_COLUMNS = frozenset({"args", "kwargs", "canvas", "headers"})

_HELD_COLUMNS = """
    celery_ledger_job.id::text as id, name, canvas, attempts, max_attempts, attempts_before, claim_token,
    root_id::text as root_id, group_id::text as group_id, group_index, worker, order_key,
    cancel_requested_at is not null as cancel_requested
"""
_HELD = f"select {_HELD_COLUMNS} from celery_ledger_job"  # noqa: S608 - constants

Row = TypeVar("Row")

#: By name; JSON columns as psycopg's Jsonb.
Parameters = Any


@dataclass(frozen=True)
class NewJob:
    """A job as it is asked for. `run_at`: ISO 8601, due then or `delay_seconds` from now, whichever is later.

    `expires_at`, `expires_seconds`: likewise, whichever is earlier; None for a job that does not expire.
    `priority`: the lower number is published first.
    """

    id: str
    name: str
    queue: str
    args: list[Any]
    kwargs: dict[str, Any]
    canvas: dict[str, Any]
    headers: dict[str, Any]
    max_attempts: int
    run_at: str | None
    delay_seconds: float
    order_key: str | None
    unique_key: str | None
    share_key: str | None
    root_id: str
    parent_id: str | None
    group_id: str | None
    group_index: int | None
    request_id: str
    priority: int = 0
    expires_at: str | None = None
    expires_seconds: float | None = None


@dataclass(frozen=True)
class NewChain:
    """The steps of a long chain, the last one first."""

    id: str
    root_id: str
    steps: list[Any]


@dataclass(frozen=True)
class Published:
    """A due job, marked as published and now to be sent."""

    id: str
    name: str
    queue: str
    headers: dict[str, Any]
    attempts: int


@dataclass(frozen=True)
class Claimed:
    """A job that this worker has just claimed."""

    id: str
    name: str
    queue: str
    args: list[Any]
    kwargs: dict[str, Any]
    canvas: dict[str, Any]
    attempts: int
    max_attempts: int
    attempts_before: int
    claim_token: UUID
    worker: str
    order_key: str | None
    share_key: str | None
    root_id: str
    group_id: str | None
    group_index: int | None
    request_id: str
    priority: int = 0
    ignore_result: bool | None = None


@dataclass(frozen=True)
class Held:
    """A running job whose row is locked for settling it from outside its own attempt."""

    id: str
    name: str
    canvas: dict[str, Any]
    attempts: int
    max_attempts: int
    attempts_before: int
    #: None of one that was cancelled while it waited.
    claim_token: UUID
    worker: str
    order_key: str | None
    root_id: str
    group_id: str | None
    group_index: int | None
    cancel_requested: bool


@dataclass(frozen=True)
class Call:
    """What was asked for with a job: task, arguments, what follows, its group, and the first job of its family."""

    name: str
    args: list[Any]
    kwargs: dict[str, Any]
    canvas: dict[str, Any]
    group_id: str | None
    root_id: str


def insert_jobs(jobs: Iterable[NewJob]) -> set[str]:
    """Add the jobs in one statement; return the ids of those that are new by id and by unique key.

    A job without a share key of its own has that of the job its family begins with.
    """
    rows: Parameters = {"jobs": _jsonb([vars(job) for job in jobs])}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            insert into celery_ledger_job (
                id, name, queue, state, args, kwargs, canvas, headers, run_at, attempts, max_attempts,
                attempts_before, publications, worker, order_key, unique_key, share_key, root_id, parent_id,
                group_id, group_index, request_id, priority, expires_at, error)
            select id, name, queue,
                case when run_at > clock_timestamp() or delay_seconds > 0 then 'scheduled' else 'queued' end,
                args, kwargs, canvas, headers,
                greatest(run_at, clock_timestamp() + make_interval(secs => delay_seconds)), 0, max_attempts,
                0, 0, '', order_key, unique_key,
                coalesce(share_key, (select root.share_key from celery_ledger_job root where root.id = job.root_id)),
                root_id, parent_id, group_id, group_index, request_id, priority,
                least(expires_at, clock_timestamp() + make_interval(secs => expires_seconds)), ''
            from jsonb_to_recordset(%(jobs)s) as job(
                id uuid, name text, queue text, args jsonb, kwargs jsonb, canvas jsonb, headers jsonb,
                max_attempts integer, run_at timestamptz, delay_seconds float, order_key text, unique_key text,
                share_key text, root_id uuid, parent_id uuid, group_id uuid, group_index integer, request_id text,
                priority smallint, expires_at timestamptz, expires_seconds float)
            on conflict do nothing
            returning id::text
            """,
            rows,
        )
        return {job_id for (job_id,) in cursor.fetchall()}


def insert_chains(chains: Iterable[NewChain]) -> None:
    """Store the steps of long chains."""
    _change(
        """
        insert into celery_ledger_chain (id, root_id, steps, created_at)
        select id, root_id, steps, clock_timestamp()
        from jsonb_to_recordset(%(chains)s) as chain(id uuid, root_id uuid, steps jsonb)
        """,
        {"chains": _jsonb([vars(chain) for chain in chains])},
    )


def replace_running(job: NewJob, token: UUID) -> bool:
    """Make the running job `job.id` another one (Celery's `Task.replace`); its attempt ends here."""
    return _replace(job, "claim_token = %(token)s", token=token)


def await_replacement(job_id: str, token: UUID) -> bool:
    """Let the running job wait for the end of the canvas that replaces it; its attempt ends here."""
    return _settle(
        f"state = 'scheduled', published_at = null, publications = 0, run_at = clock_timestamp() + {_AGES}",
        {"id": job_id, "token": token},
    )


def replace_awaiting(job: NewJob) -> bool:
    """Make the job that waits for its replacement that one: the canvas before it is done."""
    return _replace(job, f"state in ('scheduled', 'dead') and {_AWAITING}")


def run_again(job: NewJob) -> bool:
    """Make a finished job of the same task the one that is asked for now; False where it is not finished.

    Its history stays: what was asked for first has its attempts before those of now.
    """
    parameters: Parameters = {
        **vars(job),
        **{column: _jsonb(getattr(job, column)) for column in ("args", "kwargs", "canvas", "headers")},
    }
    return _change_one(
        """
        update celery_ledger_job
        set queue = %(queue)s, args = %(args)s, kwargs = %(kwargs)s, canvas = %(canvas)s, headers = %(headers)s,
            root_id = %(root_id)s, parent_id = %(parent_id)s, group_id = %(group_id)s,
            group_index = %(group_index)s, order_key = %(order_key)s, priority = %(priority)s,
            share_key = coalesce(
                %(share_key)s, (select root.share_key from celery_ledger_job root where root.id = %(root_id)s)),
            request_id = %(request_id)s, attempts_before = attempts, max_attempts = attempts + %(max_attempts)s,
            state = case when %(run_at)s::timestamptz > clock_timestamp() or %(delay_seconds)s > 0
                then 'scheduled' else 'queued' end,
            run_at = greatest(
                %(run_at)s::timestamptz, clock_timestamp() + make_interval(secs => %(delay_seconds)s)),
            published_at = null, publications = 0, finished_at = null, cancel_requested_at = null,
            expires_at = null, error = '', result = null
        where id = %(id)s and name = %(name)s and state in ('succeeded', 'dead', 'cancelled')
        """,
        parameters,
    )


def bury_awaiting(ids: Iterable[str], error: str) -> None:
    """Make jobs dead that wait for a replacement which will not come; it may yet, if somebody retries what failed."""
    _change(
        f"""
        update celery_ledger_job set state = 'dead', finished_at = clock_timestamp(), error = %(error)s
        where id = any(%(ids)s::uuid[]) and state = 'scheduled' and {_AWAITING}
        """,  # noqa: S608 - constants
        {"ids": list(ids), "error": error},
    )


def _replace(job: NewJob, condition: str, **parameters: Any) -> bool:
    return _change_one(
        f"""
        update celery_ledger_job
        set name = %(name)s, queue = %(queue)s, args = %(args)s, kwargs = %(kwargs)s, canvas = %(canvas)s,
        headers = %(headers)s, attempts_before = attempts, max_attempts = attempts + %(max_attempts)s,
        state = 'queued', run_at = clock_timestamp(), published_at = null, publications = 0,
        claim_token = null, lease_until = null, finished_at = null, error = ''
        where id = %(id)s and {condition}
        """,  # noqa: S608 - constants
        {
            **vars(job),
            "args": _jsonb(job.args),
            "kwargs": _jsonb(job.kwargs),
            "canvas": _jsonb(job.canvas),
            "headers": _jsonb(job.headers),
            **parameters,
        },
    )


def id_of_unique_key(unique_key: str) -> str:
    """Return the id of the one job with this key."""
    with connection.cursor() as cursor:
        cursor.execute("select id from celery_ledger_job where unique_key = %s", [unique_key])
        return str(cursor.fetchone()[0])


def call_of(job_id: str) -> Call | None:
    """Return the call that made a job, None where there is none."""
    rows = fetch(
        Call,
        "select name, args, kwargs, canvas, group_id::text as group_id, root_id::text as root_id"
        " from celery_ledger_job where id = %s",
        [job_id],
    )
    return rows[0] if rows else None


def take_due(queues: Iterable[str], *, batch: int, in_flight: int) -> list[Published]:
    """Mark the due jobs of each queue as published and return them by priority, oldest first.

    At most `in_flight` jobs of a queue are published and unclaimed at a time, so a flood in one queue
    fills neither the broker nor the relay's batches. Of an order key, only the oldest unfinished job is due.
    Two relays never take the same job (`skip locked`). The mark is committed before the message is sent: a claim
    would else wait for this transaction. It need not wait for the disk: a mark that a crash forgets is one more
    message, and the claim drops it.
    """
    return fetch(
        Published,
        f"""
        with recursive {_LEVEL},
        taken as (
            select due.id
            from unnest(%(queues)s::text[]) as wanted(queue)
            cross join lateral (
                select job.id
                from (select priority from level where queue = wanted.queue and priority is not null
                    order by priority) as urgent
                cross join lateral (
                    select id from celery_ledger_job job
                    where job.queue = wanted.queue
                        and job.priority = urgent.priority
                        and job.published_at is null
                        and job.share_key is null  -- shares.take_shared has the others
                        and job.state in ('queued', 'scheduled', 'retrying')
                        and {TURN_HAS_COME}
                    order by job.run_at, job.seq
                    limit %(batch)s
                    for update of job skip locked) as job
                limit least(%(batch)s, greatest(0, %(in_flight)s - (
                    select count(*) from celery_ledger_job unclaimed
                    where unclaimed.queue = wanted.queue
                        and unclaimed.published_at is not null
                        and unclaimed.state = 'queued')))) as due),
        marked as (
            update celery_ledger_job job
            set state = 'queued', published_at = clock_timestamp(), publications = publications + 1
            from taken, (select set_config('synchronous_commit', 'off', true)) as quick_commit
            where job.id = taken.id
            returning job.*)
        select id::text as id, name, queue, headers, attempts from marked order by priority, run_at, seq
        """,  # noqa: S608 - constants
        {"queues": list(queues), "batch": batch, "in_flight": in_flight},
    )


def unmark_published(ids: Iterable[str]) -> None:
    """Put jobs back whose message the broker did not take, as if nobody had tried."""
    _change(
        """
        update celery_ledger_job set published_at = null, publications = greatest(publications - 1, 0)
        where id = any(%s::uuid[]) and state = 'queued'
        """,
        [list(ids)],
    )


def republish_unclaimed(after_seconds: float, *, batch: int) -> int:
    """Make jobs due again that were published and never claimed: the broker may have lost them.

    The wait doubles with each publication, up to 64 times `after_seconds`, since a long queue is the more
    likely reason; a needless second message is dropped by the claim. Where a queue is seen to move, and has not
    come to the job yet, its message is only behind others: in a long queue each would else be sent several times,
    and dropping them all would make it longer still.
    """
    return _change(
        """
        with settled as (
            select queue, published_at, started_at from celery_ledger_job
            where state in ('succeeded', 'dead', 'cancelled')
            order by finished_at desc
            limit %(batch)s),
        begun as (
            select queue, published_at, started_at from celery_ledger_job where state = 'running'
            union all select * from settled),
        head as (
            select queue, max(published_at) as published_at from begun
            where started_at > statement_timestamp() - make_interval(secs => %(after)s)
            group by queue),
        waiting as (
            select job.id from celery_ledger_job job left join head on head.queue = job.queue
            where job.state = 'queued' and job.published_at is not null
                and job.published_at < statement_timestamp()
                    - make_interval(secs => %(after)s * power(2, least(job.publications - 1, 6)))
                and (head.published_at is null or head.published_at >= job.published_at)
            order by job.published_at
            limit %(batch)s
            for update of job skip locked)
        update celery_ledger_job job set published_at = null from waiting where job.id = waiting.id
        """,
        {"after": after_seconds, "batch": batch},
    )


def take_stranded(queues: Iterable[str], after_seconds: float, *, batch: int) -> list[tuple[str, str]]:
    """Mark jobs as published that have been due so long in a queue that is none of `queues`; returns id and queue.

    The names of the queues are read off the index, a step for each, however many jobs wait in them.
    """
    return [
        taken
        for shared in _SHARED_OR_NOT
        for taken in _take_stranded(f"{_DUE} and {shared}", queues, after_seconds, batch)
    ]


def _take_stranded(
    due: str, queues: Iterable[str], after_seconds: float, batch: int
) -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            with recursive present as (
                (select queue from celery_ledger_job where {due} order by queue limit 1)
                union all
                select (
                    select queue from celery_ledger_job where {due} and queue > present.queue order by queue limit 1)
                from present where present.queue is not null),
            stranded as (
                select job.id from present cross join lateral (
                    select id from celery_ledger_job
                    where {due} and queue = present.queue
                        and run_at < statement_timestamp() - make_interval(secs => %(after)s)
                    order by priority, run_at limit %(batch)s for update skip locked) as job
                where present.queue <> all(%(queues)s))
            update celery_ledger_job job set state = 'queued', published_at = clock_timestamp()
            from stranded where job.id = stranded.id
            returning job.id::text, job.queue
            """,  # noqa: S608 - constants
            {"queues": list(queues), "after": after_seconds, "batch": batch},
        )
        return list(cursor.fetchall())


def waiting_queues() -> list[str]:
    """Return the names of all queues in which jobs wait to be published, read off the index as above."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            with recursive present as (
                (select queue from celery_ledger_job where {_DUE} order by queue limit 1)
                union all
                select (
                    select queue from celery_ledger_job where {_DUE} and queue > present.queue order by queue limit 1)
                from present where present.queue is not null)
            select queue from present where queue is not null
            """  # noqa: S608 - constants
        )
        return [queue for (queue,) in cursor.fetchall()]


def next_due_seconds(queues: Iterable[str], limit: float) -> float:
    """Return how long until the next job of these queues falls due, 0 to `limit` seconds.

    Jobs with a share key are found at the limit: an index for them by time would tempt the planner in
    `celery_ledger.publishing.shares`.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            with recursive {_LEVEL}
            select extract(epoch from min(next.run_at) - clock_timestamp())::float
            from level
            cross join lateral (
                select run_at from celery_ledger_job
                where queue = level.queue and priority = level.priority and {_DUE_UNSHARED}
                    and run_at > statement_timestamp()
                order by run_at limit 1) as next
            """,  # noqa: S608 - constants
            {"queues": list(queues)},
        )
        seconds = cursor.fetchone()[0]
    return limit if seconds is None else min(limit, max(0.0, seconds))


def claim(job_id: str, token: UUID, worker: str, lease_seconds: float) -> Claimed | None:
    """Take a published job: running, attempt + 1, lease.

    None where it is not to be had: a second delivery, or another job of its order key is running or goes before it.
    The relay sends no message for a job whose turn has not come, but the broker may hold one from an earlier time.
    The commit does not wait for the disk: a claim that a crash of the database forgets is fenced by its random
    token, so its holder can't settle and the job runs again.
    """
    parameters = {"id": job_id, "token": token, "worker": worker, "lease": lease_seconds}
    try:
        # A transaction of the caller's outlives the refusal below only by a savepoint.
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            rows = fetch(Claimed, _CLAIM, parameters)
    except IntegrityError:
        # ledger_job_one_running_per_key: another job of the key was claimed at the same instant.
        return None
    return rows[0] if rows else None


_CLAIM = """
    update celery_ledger_job job
    set state = 'running', attempts = attempts + 1, claim_token = %(token)s, worker = %(worker)s,
        lease_until = clock_timestamp() + make_interval(secs => %(lease)s), started_at = clock_timestamp()
    from (select set_config('synchronous_commit', 'off', true)) as quick_commit
    where id = %(id)s and state = 'queued'
        and (expires_at is null or attempts > 0 or expires_at > clock_timestamp())
        and (order_key is null or not exists (
        select 1 from celery_ledger_job other
        where other.order_key = job.order_key
            and other.state in ('queued', 'scheduled', 'retrying', 'running')
            and other.id <> job.id
            and (other.seq < job.seq or other.state = 'running')))
    returning id::text as id, name, queue, args, kwargs, canvas, attempts, max_attempts, attempts_before,
        claim_token, worker, order_key, share_key, root_id::text as root_id, group_id::text as group_id, group_index,
        request_id, priority,
        case headers -> 'ignore_result' when 'true' then true when 'false' then false end as ignore_result
"""


def line_up(job_id: str) -> bool:
    """Put a job back that could not be claimed because another one of its order key was running."""
    return _change_one(
        """
        update celery_ledger_job set published_at = null, publications = 0
        where id = %s and state = 'queued' and order_key is not null and published_at is not null
        """,
        [job_id],
    )


def postpone(job_id: str, seconds: float) -> None:
    """Make a published job wait, no attempt spent."""
    _change(
        """
        update celery_ledger_job
        set state = 'scheduled', published_at = null, publications = 0,
            run_at = clock_timestamp() + make_interval(secs => %(seconds)s)
        where id = %(id)s and state = 'queued'
        """,
        {"id": job_id, "seconds": seconds},
    )


def renew_lease(job_id: str, token: UUID, lease_seconds: float) -> bool | None:
    """Renew the lease. Returns whether cancel was asked for; None where the lease is not ours any more."""
    return _flag(
        """
        update celery_ledger_job set lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
        where id = %(id)s and claim_token = %(token)s
        returning cancel_requested_at is not null
        """,
        {"id": job_id, "token": token, "lease": lease_seconds},
    )


def look_at_lease(job_id: str, token: UUID) -> bool | None:
    """The same answer as `renew_lease`, nothing written."""
    return _flag(
        "select cancel_requested_at is not null from celery_ledger_job where id = %(id)s and claim_token = %(token)s",
        {"id": job_id, "token": token},
    )


def renew_silent(
    using: BaseDatabaseWrapper, held: Iterable[tuple[str, str]], lease_seconds: float, *, seconds: float
) -> list[str]:
    """Renew the leases of jobs that these workers hold, `held`, where less than half of the lease is left.

    Returns their ids. Waits for nobody: a row that is locked is being settled. Ends after so many `seconds`.
    """
    ids, workers = zip(*held, strict=True)
    with using.cursor() as cursor:
        cursor.execute("select set_config('statement_timeout', %s, false)", [f"{seconds}s"])
        cursor.execute(
            """
            with silent as (
                select job.id from celery_ledger_job job
                join unnest(%(ids)s::uuid[], %(workers)s::text[]) as held(id, worker)
                    on job.id = held.id and job.worker = held.worker
                where job.state = 'running'
                    and job.lease_until < statement_timestamp() + make_interval(secs => %(lease)s::float / 2)
                for no key update of job skip locked)
            update celery_ledger_job set lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
            from silent where celery_ledger_job.id = silent.id returning celery_ledger_job.id::text
            """,
            {"ids": list(ids), "workers": list(workers), "lease": lease_seconds},
        )
        return [row[0] for row in cursor.fetchall()]


def settle_succeeded(job_id: str, token: UUID, result: Any) -> bool:
    """Record success. False where the claim is not ours any more: the caller must roll back."""
    return _settle(
        "state = 'succeeded', finished_at = clock_timestamp(), result = %(result)s, error = ''",
        {"id": job_id, "token": token, "result": _jsonb(result)},
    )


def settle_dead(job_id: str, token: UUID, error: str) -> bool:
    """Record that no further attempt will be made."""
    return _settle(
        "state = 'dead', finished_at = clock_timestamp(), error = %(error)s",
        {"id": job_id, "token": token, "error": error},
    )


def settle_cancelled(job_id: str, token: UUID) -> bool:
    """Record that the job stopped because somebody asked for it."""
    return _settle(
        "state = 'cancelled', finished_at = clock_timestamp(), result = null", {"id": job_id, "token": token}
    )


def settle_retrying(job_id: str, token: UUID, error: str, delay_seconds: float) -> bool:
    """Record a failed attempt; the next is due after the delay.

    False where the claim is not ours any more, and where somebody asked the job to stop: there is to be no next.
    """
    return _settle(
        "state = 'retrying', published_at = null, publications = 0, error = %(error)s, result = null,"
        " run_at = clock_timestamp() + make_interval(secs => %(delay)s)",
        {"id": job_id, "token": token, "error": error, "delay": delay_seconds},
        condition="cancel_requested_at is null",
    )


def settle_asked_retry(job_id: str, token: UUID, error: str, asked: AskedRetry) -> bool:
    """Record that the body asked for another attempt, in its own words: when, where, with which arguments.

    It is one attempt more than failures have. False as in `settle_retrying`.
    """
    changes = {
        name: _jsonb(value)
        for name, value in (("args", asked.args), ("kwargs", asked.kwargs), ("headers", asked.headers))
        if value is not None
    }
    return _settle(
        "state = 'retrying', published_at = null, publications = 0, error = %(error)s, result = null,"
        " max_attempts = max_attempts + 1, queue = coalesce(%(queue)s, queue),"
        " run_at = greatest(%(run_at)s::timestamptz, clock_timestamp() + make_interval(secs => %(delay)s))"
        + "".join(f", {name} = %({name})s" for name in changes),
        {
            "id": job_id, "token": token, "error": error, "delay": asked.delay_seconds, "run_at": asked.run_at,
            "queue": asked.queue, **changes,
        },
        condition="cancel_requested_at is null",
    )  # fmt: skip


def settle_ignored(job_id: str, token: UUID) -> bool:
    """Record that the body ended its job without an outcome; a state that it has stored stays to be read."""
    return _settle("state = 'cancelled', finished_at = clock_timestamp()", {"id": job_id, "token": token})


def retries_of(job_id: str, attempts_before: int) -> tuple[int, int]:
    """Return how often the job was retried since it was last retried by hand, and how often its body asked for that.

    An attempt that was lost with its worker is no retry: the body does not know of it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select count(*) filter (where fate <> 'lost'), count(*) filter (where fate = 'retry')
            from celery_ledger_error where job_id = %(id)s and attempt > %(before)s
            """,
            {"id": job_id, "before": attempts_before},
        )
        retries, asked = cursor.fetchone()
    return retries, asked


def hand_back(job_id: str, worker: str) -> bool:
    """Return a running job of `worker` to its queue as if it had not been claimed, no attempt spent.

    Where somebody asked it to stop, it has stopped: cancelled.
    """
    return _change_one(
        """
        update celery_ledger_job
        set state = case when cancel_requested_at is null then 'queued' else 'cancelled' end,
        finished_at = case when cancel_requested_at is null then null else clock_timestamp() end,
        attempts = attempts - 1, published_at = null, publications = 0,
        run_at = clock_timestamp(), claim_token = null, lease_until = null
        where id = %(id)s and state = 'running' and worker = %(worker)s
        """,
        {"id": job_id, "worker": worker},
    )


def lock_lost(*, batch: int) -> list[Held]:
    """Lock running jobs whose lease ran out; what another rescuer holds is left to it."""
    return fetch(
        Held,
        f"{_HELD} where state = 'running' and lease_until < statement_timestamp()"
        " order by lease_until limit %(batch)s for update skip locked",
        {"batch": batch},
    )


def cancelled(ids: Iterable[str]) -> list[Held]:
    """Return those of the jobs that are cancelled."""
    return fetch(Held, f"{_HELD} where id = any(%(ids)s::uuid[]) and state = 'cancelled'", {"ids": list(ids)})


def lock_held_by(job_id: str, worker: str) -> Held | None:
    """Lock a running job if just this worker process holds it."""
    rows = fetch(
        Held,
        f"{_HELD} where id = %(id)s and state = 'running' and worker = %(worker)s for update",
        {"id": job_id, "worker": worker},
    )
    return rows[0] if rows else None


def forget_settled(*, days: int, dead_days: int, batch: int) -> int:
    """Delete up to `batch` jobs, with their errors, that were settled so many days ago, dead ones `dead_days`.

    Oldest first, off the index ledger_job_ended: the dead that stay longer lie at its front, and are passed over
    without a look at their rows. Locked, so that a dead job which somebody retries meanwhile keeps its errors.
    """
    return _change(
        """
        with settled as (
            select id from celery_ledger_job
            where state in ('succeeded', 'cancelled')
                and finished_at < statement_timestamp() - make_interval(days => %(days)s)
            order by finished_at limit %(batch)s for update skip locked),
        dead as (
            select id from celery_ledger_job
            where state = 'dead' and finished_at < statement_timestamp() - make_interval(days => %(dead_days)s)
            order by finished_at limit %(batch)s - (select count(*) from settled) for update skip locked),
        old as (select id from settled union all select id from dead),
        forgotten as (delete from celery_ledger_error where job_id in (select id from old))
        delete from celery_ledger_job where id in (select id from old)
        """,
        {"days": days, "dead_days": dead_days, "batch": batch},
    )


def forget_chords(*, days: int, dead_days: int, batch: int) -> int:
    """Delete up to `batch` chords, with their parts, that fired so many days ago, or never did in `dead_days`."""
    return _change(
        """
        with old as (
            select group_id from celery_ledger_chord
            where created_at < statement_timestamp() - make_interval(days => %(days)s)
                and (fired_at < statement_timestamp() - make_interval(days => %(days)s)
                    or (fired_at is null and created_at < statement_timestamp() - make_interval(days => %(dead_days)s)))
            order by created_at limit %(batch)s for update skip locked),
        forgotten as (delete from celery_ledger_chordpart where chord_id in (select group_id from old))
        delete from celery_ledger_chord where group_id in (select group_id from old)
        """,
        {"days": days, "dead_days": dead_days, "batch": batch},
    )


def forget_chains(*, days: int, batch: int) -> int:
    """Delete up to `batch` stored chains that were stored so many days ago and have no job in the ledger any more."""
    return _change(
        """
        with old as (
            select id from celery_ledger_chain chain
            where created_at < statement_timestamp() - make_interval(days => %(days)s)
                and not exists (select 1 from celery_ledger_job where celery_ledger_job.root_id = chain.root_id)
            order by created_at limit %(batch)s for update skip locked)
        delete from celery_ledger_chain where id in (select id from old)
        """,
        {"days": days, "batch": batch},
    )


def forget_unreached(*, days: int, batch: int) -> int:
    """Delete up to `batch` notes on jobs that were not reached so many days ago."""
    return _change(
        """
        with old as (
            select id from celery_ledger_unreached
            where created_at < statement_timestamp() - make_interval(days => %(days)s)
            order by created_at limit %(batch)s for update skip locked)
        delete from celery_ledger_unreached where id in (select id from old)
        """,
        {"days": days, "batch": batch},
    )


def cancel_expired(*, batch: int) -> list[Held]:
    """Cancel jobs that have not begun by the time at which they expire, and return them."""
    return fetch(
        Held,
        f"""
        with expired as (
            select id from celery_ledger_job
            where expires_at < statement_timestamp() and state in ('queued', 'scheduled', 'retrying') and attempts = 0
            order by expires_at limit %(batch)s for update skip locked)
        update celery_ledger_job
        set state = 'cancelled', finished_at = clock_timestamp(), error = 'expired before it began'
        from expired where celery_ledger_job.id = expired.id
        returning {_HELD_COLUMNS}
        """,  # noqa: S608 - constants
        {"batch": batch},
    )


def note_unreached(ids: Iterable[str], failed_job_id: str, *, is_chord_body: bool) -> None:
    """Note that jobs with these ids will not be enqueued, because that one failed. A later failure replaces it."""
    _change(
        """
        insert into celery_ledger_unreached (id, failed_job_id, is_chord_body, created_at)
        select id, %(job)s::uuid, %(is_chord_body)s, clock_timestamp() from unnest(%(ids)s::uuid[]) as id
        on conflict (id) do update set failed_job_id = excluded.failed_job_id, created_at = excluded.created_at
        """,
        {"ids": sorted(set(ids)), "job": failed_job_id, "is_chord_body": is_chord_body},
    )


def forget_that_unreached(job_id: str) -> None:
    """Delete the note that a job would not be enqueued: it was after all, and is dead of its own failure."""
    _change("delete from celery_ledger_unreached where id = %s", [job_id])


def count_part(group_id: str, job_id: str, index: int, result: Any) -> bool:
    """Count a part of a chord that succeeded, once; return whether it was the last one that its body waits for.

    The chord's row stays locked: of two last parts one sees the other's count.
    """
    return bool(
        _flag(
            """
            with part as (
                insert into celery_ledger_chordpart (chord_id, index, succeeded, result)
                select group_id, coalesce((places -> 'index' ->> %(job)s)::integer, %(index)s), true, %(result)s
                from celery_ledger_chord where group_id = %(group)s
                on conflict (chord_id, index) do update set succeeded = true, result = excluded.result
                    where not celery_ledger_chordpart.succeeded
                returning id)
            update celery_ledger_chord set returned = returned + (select count(*) from part)
            where group_id = %(group)s
            returning fired_at is null and returned >= size
            """,
            {"group": group_id, "job": job_id, "index": index, "result": _jsonb(result)},
        )
    )


def settle_part(  # noqa: PLR0913 - each is a column
    job_id: str, token: UUID, result: Any, *, group_id: str, index: int, handed_on: Any
) -> bool:
    """Record success and count the part of the chord as `count_part` does, in one statement.

    Does nothing and returns False where the claim is not ours, and where the part may be the last one: its body is to
    be enqueued in the same transaction. `handed_on`: what the body gets.
    """
    # The job's row is locked before the chord's, as in every other transaction that locks both.
    return bool(
        _flag(
            """
            with held as (
                select id from celery_ledger_job where id = %(id)s and claim_token = %(token)s for no key update),
            chord as (
                select chord.group_id, chord.places from celery_ledger_chord chord, held
                where chord.group_id = %(group)s and (chord.size is null or chord.returned + 1 < chord.size)
                for no key update of chord),
            part as (
                insert into celery_ledger_chordpart (chord_id, index, succeeded, result)
                select group_id, coalesce((places -> 'index' ->> %(job)s)::integer, %(index)s), true, %(handed_on)s
                from chord
                on conflict (chord_id, index) do update set succeeded = true, result = excluded.result
                    where not celery_ledger_chordpart.succeeded
                returning id),
            counted as (
                update celery_ledger_chord set returned = returned + (select count(*) from part)
                where group_id = (select group_id from chord))
            update celery_ledger_job
            set state = 'succeeded', finished_at = clock_timestamp(), result = %(result)s, error = '',
                claim_token = null, lease_until = null
            where id = %(id)s and claim_token = %(token)s and exists (select from chord)
            returning true
            """,
            {
                "id": job_id,
                "job": job_id,
                "token": token,
                "result": _jsonb(result),
                "group": group_id,
                "index": index,
                "handed_on": _jsonb(handed_on),
            },
        )
    )


def note_failed_part(group_id: str, job_id: str, index: int) -> bool | None:
    """Note that a part of a chord is dead; return whether it is the only one, None where the chord is purged."""
    parameters = {"group": group_id, "job": job_id, "index": index}
    # A statement of its own: the next one is to see what the holder of this lock has committed.
    if not _flag(
        "select true from celery_ledger_chord where group_id = %(group)s for no key update", parameters
    ):
        return None
    return _flag(
        """
        with failed as (
            select group_id, coalesce((places -> 'index' ->> %(job)s)::integer, %(index)s) as index
            from celery_ledger_chord where group_id = %(group)s),
        part as (
            insert into celery_ledger_chordpart (chord_id, index, succeeded)
            select group_id, index, false from failed
            on conflict (chord_id, index) do nothing)
        select not exists (
            select 1 from celery_ledger_chordpart other
            where other.chord_id = failed.group_id and not other.succeeded and other.index <> failed.index)
        from failed
        """,
        parameters,
    )


def add_part(group_id: str, job_id: str) -> None:
    """Make a chord wait for one more part, whose result comes last in its list."""
    _change(
        """
        update celery_ledger_chord set size = size + 1,
            places = jsonb_set(coalesce(places, '{"index": {}}'), array['index', %(job)s], to_jsonb(size))
        where group_id = %(group)s and fired_at is null
        """,
        {"group": group_id, "job": job_id},
    )


def notify_relays() -> None:
    """Wake the relays that listen, in a transaction that does not wait for the disk."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_notify(%s, '') from (select set_config('synchronous_commit', 'off', true)) as quick_commit",
            [CHANNEL],
        )


def _settle(changes: str, parameters: Parameters, condition: str = "true") -> bool:
    # The fence: only who holds the claim may settle. A worker that was frozen and wakes up changes no row.
    return _change_one(
        f"update celery_ledger_job set {changes}, claim_token = null, lease_until = null"  # noqa: S608 - constants
        f" where id = %(id)s and claim_token = %(token)s and {condition}",
        parameters,
    )


def _change(statement: str, parameters: Parameters) -> int:
    """Execute a statement and return how many rows it has changed."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def _change_one(statement: str, parameters: Parameters) -> bool:
    """Execute a statement that concerns one row and return whether it has changed it."""
    return _change(statement, parameters) == 1


def _flag(statement: str, parameters: Parameters) -> bool | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row = cursor.fetchone()
    return None if row is None else bool(row[0])


def fetch(kind: Callable[..., Row], statement: str, parameters: Parameters) -> list[Row]:
    """Execute a statement and return its rows as values of `kind`."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column.name for column in cursor.description or ()]
        return [kind(**_decoded(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _decoded(row: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    # Django hands JSONB over as text, so that a model's field may choose its decoder.
    return {name: wire.loads(value) if name in _JSON_COLUMNS else value for name, value in row}


def _jsonb(value: Any) -> Jsonb:
    return Jsonb(value, dumps=wire.dumps)
