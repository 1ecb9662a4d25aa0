"""Fair shares of a queue: jobs that belong to many owners take turns, one owner's flood behind another's single job.

A broker hands out what it got first. So a job with a share key is not published when it falls due, but when its key
has fewer than JOB_SHARE_IN_FLIGHT messages in the queue that no worker has claimed. Claiming one lets the next of its
key go. A key that is alone gets every process; beside others, each gets every n-th.
"""

from collections.abc import Iterable

from celery_ledger.ledger.due_jobs import TURN_HAS_COME
from celery_ledger.ledger.rows import Published
from celery_ledger.ledger.statements import fetch

_DUE = "job.published_at is null and job.state in ('queued', 'scheduled', 'retrying') and job.share_key is not null"


def take_shared(
    queues: Iterable[str], *, batch: int, in_flight: int, share_in_flight: int
) -> list[Published]:
    """Mark due jobs with a share key as published and return them: of each key the first ones, up to its share.

    The keys are read off the index, a step for each, however many jobs wait behind one; who holds least comes first.
    """
    return fetch(
        Published,
        f"""
        with recursive present(queue, key) as (
            select wanted.queue, (
                select job.share_key from celery_ledger_job job
                where job.queue = wanted.queue and {_DUE} order by job.share_key limit 1)
            from unnest(%(queues)s::text[]) as wanted(queue)
            union all
            select present.queue, (
                select job.share_key from celery_ledger_job job
                where job.queue = present.queue and {_DUE} and job.share_key > present.key
                order by job.share_key limit 1)
            from present where present.key is not null),
        held as (
            select present.*, counts.total, counts.unclaimed
            from present cross join lateral (
                select count(*) as total, count(*) filter (where job.state = 'queued') as unclaimed
                from celery_ledger_job job
                where job.queue = present.queue and job.share_key = present.key and job.share_key is not null
                    and job.published_at is not null and job.state in ('queued', 'running')) as counts
            where present.key is not null and counts.unclaimed < %(share)s),
        taken as (
            select due.id
            from held cross join lateral (
                select job.id
                from celery_ledger_job job
                where job.queue = held.queue and job.share_key = held.key and {_DUE}
                    and {TURN_HAS_COME}
                order by job.priority, job.run_at, job.seq
                limit least(%(share)s - held.unclaimed, greatest(0, %(in_flight)s - (
                    select count(*) from celery_ledger_job unclaimed
                    where unclaimed.queue = held.queue
                        and unclaimed.published_at is not null
                        and unclaimed.state = 'queued')))
                for update of job skip locked) as due
            order by held.total
            limit %(batch)s)
        update celery_ledger_job job
        set state = 'queued', published_at = clock_timestamp(), publications = publications + 1
        from taken, (select set_config('synchronous_commit', 'off', true)) as quick_commit
        where job.id = taken.id
        returning job.id::text as id, job.name, job.queue, job.headers, job.attempts
        """,  # noqa: S608 - constants
        {"queues": list(queues), "batch": batch, "in_flight": in_flight, "share": share_in_flight},
    )
