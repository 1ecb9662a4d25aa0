"""A chord's header and body: parts counted once, the body enqueued with the last of them."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from jobs import faultpoints, queries, signatures, wire
from jobs.continuation import enqueue_errbacks, send_body
from jobs.models import Chord, ChordPart
from jobs.signatures import Part


def open_chord(group_id: str, body: dict[str, Any]) -> None:
    """Keep the body until its header is done. Twice: the first body stands."""
    Chord.objects.get_or_create(group_id=group_id, defaults={"body": wire.to_json(body)})


@transaction.atomic
def set_size(group_id: str, size: int) -> None:
    """Record how many parts the header has; parts may have returned before it was known."""
    chord = Chord.objects.select_for_update().filter(group_id=group_id, size=None).first()
    if chord is not None:
        chord.size = size
        chord.save(update_fields=["size"])
        _fire_if_complete(chord)


@transaction.atomic
def return_part(part: Part, result: Any) -> None:
    """Count a part that succeeded. Twice: the row exists, the count stays. A chord long purged is let be."""
    chord = _locked(part)
    if chord is not None:
        ChordPart.objects.update_or_create(
            chord=chord, index=part.index, defaults={"succeeded": True, "result": wire.to_json(result)}
        )
        faultpoints.reach("chord.counted")
        _fire_if_complete(chord)


@transaction.atomic
def fail_part(part: Part, job_id: str, attempt: int, root_id: str) -> None:
    """Note a part that is dead because this job is; the first of a chord calls the body's errbacks.

    Where the body is itself part of a chord, that part is dead with it. A part retried by hand still completes
    the chord.
    """
    chord = _locked(part)
    if chord is None:
        return
    is_first = not chord.parts.filter(succeeded=False).exclude(index=part.index).exists()
    ChordPart.objects.update_or_create(
        chord=chord, index=part.index, defaults={"succeeded": False, "result": None}
    )
    if is_first:
        enqueue_errbacks(
            signatures.errbacks_of(chord.body), job_id, f"errback of {chord.pk}/{attempt}", root_id
        )
    _abandon_body(chord, job_id, attempt, root_id)


def _locked(part: Part) -> Chord | None:
    return Chord.objects.select_for_update().filter(group_id=part.group_id).first()


def _fire_if_complete(chord: Chord) -> None:
    if chord.fired_at is not None or chord.size is None:
        return
    results = list(chord.parts.filter(succeeded=True).order_by("index").values_list("result", flat=True))
    if len(results) < chord.size:
        return
    chord.fired_at = timezone.now()
    chord.save(update_fields=["fired_at"])
    body = wire.from_json(chord.body)
    if send_body(body, wire.from_json(results)) is not None:
        # Its queue or its task was removed since. The header is done all the same.
        body_id = signatures.ids_in([body])[0]
        enqueue_errbacks(signatures.errbacks_of(body), body_id, "errback", body_id)
        _abandon_body(chord, body_id, 1, body_id)


def _abandon_body(chord: Chord, job_id: str, attempt: int, root_id: str) -> None:
    queries.bury_awaiting(signatures.ids_in([chord.body]), f"job {job_id} of its replacement is dead")
    outer = signatures.part_of(chord.body)
    if outer is not None:
        fail_part(outer, job_id, attempt, root_id)
