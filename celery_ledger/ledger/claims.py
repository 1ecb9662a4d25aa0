"""Claims and leases: who may run a job, and for how long."""

from collections.abc import Iterable
from contextlib import nullcontext
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from celery_ledger.ledger.rows import Claimed
from celery_ledger.ledger.statements import change, change_one, fetch, flag


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
            rows = fetch(Claimed, CLAIM, parameters)
    except IntegrityError:
        # ledger_job_one_running_per_key: another job of the key was claimed at the same instant.
        return None
    return rows[0] if rows else None


CLAIM = """
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
    return change_one(
        """
        update celery_ledger_job set published_at = null, publications = 0
        where id = %s and state = 'queued' and order_key is not null and published_at is not null
        """,
        [job_id],
    )


def postpone(job_id: str, seconds: float) -> None:
    """Make a published job wait, no attempt spent."""
    change(
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
    return flag(
        """
        update celery_ledger_job set lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
        where id = %(id)s and claim_token = %(token)s
        returning cancel_requested_at is not null
        """,
        {"id": job_id, "token": token, "lease": lease_seconds},
    )


def look_at_lease(job_id: str, token: UUID) -> bool | None:
    """The same answer as `renew_lease`, nothing written."""
    return flag(
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
    return change_one(
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
