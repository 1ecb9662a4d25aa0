"""Jobs that are due: found, taken for publication, put back where the broker lost them."""

from collections.abc import Iterable

from django.db import connection

from celery_ledger.ledger.rows import Published
from celery_ledger.ledger.statements import change, fetch

#: The channel on which a commit with due jobs wakes the relays.
CHANNEL = "celery_ledger_due"


#: The condition of the indexes ledger_job_due and ledger_job_share, each beside its half of `SHARED_OR_NOT`.
DUE = "published_at is null and state in ('queued', 'scheduled', 'retrying')"


SHARED_OR_NOT = ("share_key is null", "share_key is not null")


DUE_UNSHARED = f"{DUE} and share_key is null"


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
LEVEL = f"""
    level as (
        select queue, (
            select min(priority) from celery_ledger_job where queue = wanted.queue and {DUE_UNSHARED}) as priority
        from unnest(%(queues)s::text[]) as wanted(queue)
        union all
        select queue, (
            select min(priority) from celery_ledger_job
            where queue = level.queue and priority > level.priority and {DUE_UNSHARED})
        from level where priority is not null)
"""  # noqa: S608 - constants


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
        with recursive {LEVEL},
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
    change(
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
    return change(
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
        for shared in SHARED_OR_NOT
        for taken in _take_stranded(f"{DUE} and {shared}", queues, after_seconds, batch)
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
                (select queue from celery_ledger_job where {DUE} order by queue limit 1)
                union all
                select (
                    select queue from celery_ledger_job where {DUE} and queue > present.queue order by queue limit 1)
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
            with recursive {LEVEL}
            select extract(epoch from min(next.run_at) - clock_timestamp())::float
            from level
            cross join lateral (
                select run_at from celery_ledger_job
                where queue = level.queue and priority = level.priority and {DUE_UNSHARED}
                    and run_at > statement_timestamp()
                order by run_at limit 1) as next
            """,  # noqa: S608 - constants
            {"queues": list(queues)},
        )
        seconds = cursor.fetchone()[0]
    return limit if seconds is None else min(limit, max(0.0, seconds))


def notify_relays() -> None:
    """Wake the relays that listen, in a transaction that does not wait for the disk."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_notify(%s, '') from (select set_config('synchronous_commit', 'off', true)) as quick_commit",
            [CHANNEL],
        )
