"""Outcomes of attempts, each set only where the claim still holds."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from celery_ledger.current import AskedRetry
from celery_ledger.ledger.rows import Held
from celery_ledger.ledger.statements import Parameters, change, change_one, fetch, jsonb

HELD_COLUMNS = """
    celery_ledger_job.id::text as id, name, canvas, attempts, max_attempts, attempts_before, claim_token,
    root_id::text as root_id, group_id::text as group_id, group_index, worker, order_key,
    cancel_requested_at is not null as cancel_requested
"""


HELD = f"select {HELD_COLUMNS} from celery_ledger_job"  # noqa: S608 - constants


def settle_succeeded(job_id: str, token: UUID, result: Any) -> bool:
    """Record success. False where the claim is not ours any more: the caller must roll back."""
    return settle(
        "state = 'succeeded', finished_at = clock_timestamp(), result = %(result)s, error = ''",
        {"id": job_id, "token": token, "result": jsonb(result)},
    )


def settle_dead(job_id: str, token: UUID, error: str) -> bool:
    """Record that no further attempt will be made."""
    return settle(
        "state = 'dead', finished_at = clock_timestamp(), error = %(error)s",
        {"id": job_id, "token": token, "error": error},
    )


def settle_cancelled(job_id: str, token: UUID) -> bool:
    """Record that the job stopped because somebody asked for it."""
    return settle(
        "state = 'cancelled', finished_at = clock_timestamp(), result = null", {"id": job_id, "token": token}
    )


def settle_retrying(job_id: str, token: UUID, error: str, delay_seconds: float) -> bool:
    """Record a failed attempt; the next is due after the delay.

    False where the claim is not ours any more, and where somebody asked the job to stop: there is to be no next.
    """
    return settle(
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
        name: jsonb(value)
        for name, value in (("args", asked.args), ("kwargs", asked.kwargs), ("headers", asked.headers))
        if value is not None
    }
    return settle(
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
    return settle("state = 'cancelled', finished_at = clock_timestamp()", {"id": job_id, "token": token})


def lock_lost(*, batch: int) -> list[Held]:
    """Lock running jobs whose lease ran out; what another rescuer holds is left to it."""
    return fetch(
        Held,
        f"{HELD} where state = 'running' and lease_until < statement_timestamp()"
        " order by lease_until limit %(batch)s for update skip locked",
        {"batch": batch},
    )


def cancelled(ids: Iterable[str]) -> list[Held]:
    """Return those of the jobs that are cancelled."""
    return fetch(Held, f"{HELD} where id = any(%(ids)s::uuid[]) and state = 'cancelled'", {"ids": list(ids)})


def lock_held_by(job_id: str, worker: str) -> Held | None:
    """Lock a running job if just this worker process holds it."""
    rows = fetch(
        Held,
        f"{HELD} where id = %(id)s and state = 'running' and worker = %(worker)s for update",
        {"id": job_id, "worker": worker},
    )
    return rows[0] if rows else None


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
        returning {HELD_COLUMNS}
        """,  # noqa: S608 - constants
        {"batch": batch},
    )


def note_unreached(ids: Iterable[str], failed_job_id: str, *, is_chord_body: bool) -> None:
    """Note that jobs with these ids will not be enqueued, because that one failed. A later failure replaces it."""
    change(
        """
        insert into celery_ledger_unreached (id, failed_job_id, is_chord_body, created_at)
        select id, %(job)s::uuid, %(is_chord_body)s, clock_timestamp() from unnest(%(ids)s::uuid[]) as id
        on conflict (id) do update set failed_job_id = excluded.failed_job_id, created_at = excluded.created_at
        """,
        {"ids": sorted(set(ids)), "job": failed_job_id, "is_chord_body": is_chord_body},
    )


def forget_that_unreached(job_id: str) -> None:
    """Delete the note that a job would not be enqueued: it was after all, and is dead of its own failure."""
    change("delete from celery_ledger_unreached where id = %s", [job_id])


def settle(changes: str, parameters: Parameters, condition: str = "true") -> bool:
    """Change the job and give its claim up, where the claim is still `token` of the parameters."""
    # The fence: only who holds the claim may settle. A worker that was frozen and wakes up changes no row.
    return change_one(
        f"update celery_ledger_job set {changes}, claim_token = null, lease_until = null"  # noqa: S608 - constants
        f" where id = %(id)s and claim_token = %(token)s and {condition}",
        parameters,
    )
