"""The parts of chords, counted."""

from typing import Any
from uuid import UUID

from celery_ledger.ledger.statements import change, flag, jsonb


def count_part(group_id: str, job_id: str, index: int, result: Any) -> bool:
    """Count a part of a chord that succeeded, once; return whether it was the last one that its body waits for.

    The chord's row stays locked: of two last parts one sees the other's count.
    """
    return bool(
        flag(
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
            {"group": group_id, "job": job_id, "index": index, "result": jsonb(result)},
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
        flag(
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
                "result": jsonb(result),
                "group": group_id,
                "index": index,
                "handed_on": jsonb(handed_on),
            },
        )
    )


def note_failed_part(group_id: str, job_id: str, index: int) -> bool | None:
    """Note that a part of a chord is dead; return whether it is the only one, None where the chord is purged."""
    parameters = {"group": group_id, "job": job_id, "index": index}
    # A statement of its own: the next one is to see what the holder of this lock has committed.
    if not flag(
        "select true from celery_ledger_chord where group_id = %(group)s for no key update", parameters
    ):
        return None
    return flag(
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
    change(
        """
        update celery_ledger_chord set size = size + 1,
            places = jsonb_set(coalesce(places, '{"index": {}}'), array['index', %(job)s], to_jsonb(size))
        where group_id = %(group)s and fired_at is null
        """,
        {"group": group_id, "job": job_id},
    )
