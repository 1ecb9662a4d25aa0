"""A chord's header and body: parts counted once, the body enqueued with the last of them."""

from typing import Any

from celery import current_app
from celery.canvas import Signature, maybe_signature
from django.db import transaction
from django.utils import timezone

from jobs.continuation import enqueue_errbacks
from jobs.models import Chord, ChordPart


def open_chord(group_id: str, body: dict[str, Any]) -> None:
    """Keep the body until its header is done. Twice: the first body stands."""
    Chord.objects.get_or_create(group_id=group_id, defaults={"body": body})


@transaction.atomic
def set_size(group_id: str, size: int) -> None:
    """Record how many parts the header has; parts may have returned before it was known."""
    chord = Chord.objects.select_for_update().filter(group_id=group_id, size=None).first()
    if chord is not None:
        chord.size = size
        chord.save(update_fields=["size"])
        _fire_if_complete(chord)


@transaction.atomic
def return_part(group_id: str, index: int, result: Any) -> None:
    """Count a part that succeeded. Twice: the row exists, the count stays."""
    chord = Chord.objects.select_for_update().get(group_id=group_id)
    ChordPart.objects.update_or_create(
        chord=chord, index=index, defaults={"succeeded": True, "result": result}
    )
    _fire_if_complete(chord)


@transaction.atomic
def fail_part(group_id: str, index: int, job_id: str, attempt: int) -> None:
    """Note a part that is dead and call the body's errbacks; a part retried by hand still completes the chord."""
    chord = Chord.objects.select_for_update().get(group_id=group_id)
    ChordPart.objects.update_or_create(
        chord=chord, index=index, defaults={"succeeded": False, "result": None}
    )
    body = maybe_signature(dict(chord.body), app=current_app)
    enqueue_errbacks(_errbacks_of(body), job_id, attempt)


def _fire_if_complete(chord: Chord) -> None:
    if chord.fired_at is not None or chord.size is None:
        return
    results = list(chord.parts.filter(succeeded=True).order_by("index").values_list("result", flat=True))
    if len(results) < chord.size:
        return
    chord.fired_at = timezone.now()
    chord.save(update_fields=["fired_at"])
    maybe_signature(dict(chord.body), app=current_app).apply_async((results,))


def _errbacks_of(body: Signature) -> list[Any]:
    # A chain keeps errbacks on its steps; the first step's are the chain's.
    tasks = getattr(body, "tasks", None)
    first = tasks[0] if isinstance(tasks, list | tuple) and tasks else None
    own = list(body.options.get("link_error") or [])
    return own or (list(first.options.get("link_error") or []) if first is not None else [])
