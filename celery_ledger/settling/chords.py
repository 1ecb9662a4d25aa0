"""A chord's header and body: parts counted once, the body enqueued with the last of them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from celery.result import ResultSet
from django.db import transaction
from django.utils import timezone

from celery_ledger import faultpoints
from celery_ledger.asking import chains, signatures
from celery_ledger.asking.signatures import Node, Part
from celery_ledger.ledger import chord_counts, inserts, settlements
from celery_ledger.models import Chord
from celery_ledger.settling.continuation import Refusal, enqueue_errbacks, send_body
from celery_ledger.values import wire


def open_chord(group_id: str, body: dict[str, Any], header: Iterable[Any] | None = None) -> None:
    """Keep the body until its header is done. Twice: the first body stands.

    `header` are the results of its parts. A part that ends in a group is one result of the body's list, and
    several jobs: the ids of those jobs say where each of their results belongs.
    """
    tree = None if header is None else _tree_of(header)
    Chord.objects.get_or_create(
        group_id=group_id,
        defaults={
            "body": wire.to_json(body),
            "size": None if tree is None else len(list(_leaves(tree))),
            "places": None if tree is None or all(isinstance(part, str) for part in tree) else _places(tree),
        },
    )


@transaction.atomic
def set_size(group_id: str, size: int) -> None:
    """Enqueue the body of a chord whose parts were all there before; record the size where it is not known yet."""
    chord = Chord.objects.select_for_update().filter(group_id=group_id, fired_at=None).first()
    if chord is None:
        return
    if chord.size is None:
        chord.size = size
        chord.save(update_fields=["size"])
    if chord.returned >= chord.size:
        _fire(chord)


@transaction.atomic
def return_part(part: Part, job_id: str, result: Any) -> Refusal | None:
    """Count a part that succeeded; returns the refusal of a body that cannot be enqueued any more.

    Twice: the row exists, the count stays. A chord long purged is let be.
    """
    is_last = chord_counts.count_part(part.group_id, job_id, part.index, result)
    faultpoints.reach("chord.counted")
    if not is_last:
        return None
    refusal = _fire(Chord.objects.get(pk=part.group_id))
    if refusal is not None:
        _abandon(part, job_id)
    return refusal


@transaction.atomic
def fail_part(part: Part, job_id: str, attempt: int, root_id: str, called: Sequence[Node] = ()) -> None:
    """Note a part that is dead because this job is; the first of a chord calls the body's errbacks.

    Where the body is itself part of a chord, that part is dead with it. A part retried by hand still completes
    the chord. `called`: errbacks that this failure has called already. Celery copies those of a chord to the
    bodies of chords in its header.
    """
    is_first = chord_counts.note_failed_part(part.group_id, job_id, part.index)
    if is_first is None:
        return
    body = _body_of(part)
    errbacks = [errback for errback in signatures.errbacks_of(body) if errback not in called]
    if is_first:
        occasion = f"errback of {part.group_id}/{attempt}"
        body_id = body["options"].get("task_id")
        enqueue_errbacks(errbacks, job_id, occasion, root_id, failed_id=body_id)
    _leave_out(body, job_id)
    outer = signatures.part_of(body)
    if outer is not None:
        fail_part(outer, job_id, attempt, root_id, [*called, *errbacks])


def leave_out(part: Part, job_id: str) -> None:
    """Note that the body of a chord is not reached, because this job of its header was cancelled."""
    if Chord.objects.filter(pk=part.group_id, fired_at=None).exists():
        body = _body_of(part)
        _leave_out(body, job_id)
        outer = signatures.part_of(body)
        if outer is not None:
            leave_out(outer, job_id)


def add_part(group_id: str, job_id: str) -> None:
    """Make a chord wait for one more job; its result comes last in the body's list."""
    chord_counts.add_part(group_id, job_id)


def _body_of(part: Part) -> dict[str, Any]:
    body: dict[str, Any] = wire.from_json(Chord.objects.values_list("body", flat=True).get(pk=part.group_id))
    rest = body["options"].get("chain")
    if rest:
        body["options"] = {**body["options"], "chain": chains.all_steps(rest)}
    return body


def _leave_out(body: Node, job_id: str, *, is_refused: bool = False) -> None:
    ids = signatures.ids_in([body])
    inserts.bury_awaiting(ids, f"job {job_id} of its replacement is dead")
    settlements.note_unreached(ids, job_id, is_chord_body=not is_refused)


def _fire(chord: Chord) -> Refusal | None:
    parts = dict(chord.parts.filter(succeeded=True).order_by("index").values_list("index", "result"))
    shape = (chord.places or {}).get("shape")
    results = list(parts.values())
    if shape is not None:
        # What was added while the header ran stands behind it.
        inside = set(_leaves(shape))
        results = [
            *_filled(shape, parts),
            *(result for index, result in parts.items() if index not in inside),
        ]
    chord.fired_at = timezone.now()
    chord.save(update_fields=["fired_at"])
    return send_body(wire.from_json(chord.body), wire.from_json(results))


def _abandon(part: Part, job_id: str) -> None:
    """End a chord whose body is refused after this job, the last of its header: its queue was removed, for example.

    The header is done all the same. The body's errbacks are called, and the chord that it is itself a part of fails.
    """
    body = _body_of(part)
    body_id = body["options"].get("task_id") or signatures.ids_in([body])[0]
    enqueue_errbacks(signatures.errbacks_of(body), body_id, "errback", root_id=body_id)
    _leave_out(body, job_id, is_refused=True)
    outer = signatures.part_of(body)
    if outer is not None:
        fail_part(outer, job_id, attempt=1, root_id=body_id)


def _tree_of(results: Iterable[Any]) -> list[Any]:
    """Return the ids of results, those of a group as a list."""
    return [
        _tree_of(result.results or ()) if isinstance(result, ResultSet) else result.id for result in results
    ]


def _places(tree: list[Any]) -> dict[str, Any]:
    index = {job_id: number for number, job_id in enumerate(_leaves(tree))}
    return {"index": index, "shape": _filled(tree, index)}


def _filled(tree: list[Any], values: dict[Any, Any]) -> list[Any]:
    """Return the tree with each leaf replaced by its value."""
    return [_filled(part, values) if isinstance(part, list) else values.get(part) for part in tree]


def _leaves(tree: list[Any]) -> Iterator[Any]:
    for part in tree:
        if isinstance(part, list):
            yield from _leaves(part)
        else:
            yield part
