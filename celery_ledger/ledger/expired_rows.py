"""Rows whose time is over, deleted a batch at a time."""

from celery_ledger.ledger.statements import change


def forget_settled(*, days: int, dead_days: int, batch: int) -> int:
    """Delete up to `batch` jobs, with their errors, that were settled so many days ago, dead ones `dead_days`.

    Oldest first, off the index ledger_job_ended: the dead that stay longer lie at its front, and are passed over
    without a look at their rows. Locked, so that a dead job which somebody retries meanwhile keeps its errors.
    """
    return change(
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
    return change(
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
    return change(
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
    return change(
        """
        with old as (
            select id from celery_ledger_unreached
            where created_at < statement_timestamp() - make_interval(days => %(days)s)
            order by created_at limit %(batch)s for update skip locked)
        delete from celery_ledger_unreached where id in (select id from old)
        """,
        {"days": days, "batch": batch},
    )
