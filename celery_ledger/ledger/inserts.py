"""Jobs enter the ledger, and take one another's place."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import connection

from celery_ledger.ledger.rows import Call, NewChain, NewJob
from celery_ledger.ledger.settlements import settle
from celery_ledger.ledger.statements import Parameters, change, change_one, fetch, jsonb

#: The wait of a job that is replaced by the end of a canvas: the canvas ends it, not the clock.
AGES = "interval '100 years'"


# It has run, unlike a job whose caller asked for so long a delay.
AWAITING = f"attempts > 0 and run_at > clock_timestamp() + {AGES} / 2"


def insert_jobs(jobs: Iterable[NewJob]) -> set[str]:
    """Add the jobs in one statement; return the ids of those that are new by id and by unique key.

    A job without a share key of its own has that of the job its family begins with.
    """
    rows: Parameters = {"jobs": jsonb([vars(job) for job in jobs])}
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
    change(
        """
        insert into celery_ledger_chain (id, root_id, steps, created_at)
        select id, root_id, steps, clock_timestamp()
        from jsonb_to_recordset(%(chains)s) as chain(id uuid, root_id uuid, steps jsonb)
        """,
        {"chains": jsonb([vars(chain) for chain in chains])},
    )


def replace_running(job: NewJob, token: UUID) -> bool:
    """Make the running job `job.id` another one (Celery's `Task.replace`); its attempt ends here."""
    return _replace(job, "claim_token = %(token)s", token=token)


def await_replacement(job_id: str, token: UUID) -> bool:
    """Let the running job wait for the end of the canvas that replaces it; its attempt ends here."""
    return settle(
        f"state = 'scheduled', published_at = null, publications = 0, run_at = clock_timestamp() + {AGES}",
        {"id": job_id, "token": token},
    )


def replace_awaiting(job: NewJob) -> bool:
    """Make the job that waits for its replacement that one: the canvas before it is done."""
    return _replace(job, f"state in ('scheduled', 'dead') and {AWAITING}")


def run_again(job: NewJob) -> bool:
    """Make a finished job of the same task the one that is asked for now; False where it is not finished.

    Its history stays: what was asked for first has its attempts before those of now.
    """
    parameters: Parameters = {
        **vars(job),
        **{column: jsonb(getattr(job, column)) for column in ("args", "kwargs", "canvas", "headers")},
    }
    return change_one(
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
    change(
        f"""
        update celery_ledger_job set state = 'dead', finished_at = clock_timestamp(), error = %(error)s
        where id = any(%(ids)s::uuid[]) and state = 'scheduled' and {AWAITING}
        """,  # noqa: S608 - constants
        {"ids": list(ids), "error": error},
    )


def _replace(job: NewJob, condition: str, **parameters: Any) -> bool:
    return change_one(
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
            "args": jsonb(job.args),
            "kwargs": jsonb(job.kwargs),
            "canvas": jsonb(job.canvas),
            "headers": jsonb(job.headers),
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
