"""The rest of a chain, as its jobs carry it: short ones whole, long ones as a reference to a row.

A rest is a list as in a Celery message, the last step first. A reference stands for the first `left` steps of a
stored list, so Celery may append steps behind it and hand the list on unchanged.
"""

from collections.abc import Sequence
from typing import TypedDict

from celery_ledger.asking.signatures import Node, is_reference
from celery_ledger.models import StoredChain
from celery_ledger.values import wire

#: Rests up to this length stay in their job: they are smaller than a row of their own.
INLINE_STEPS = 3


class Reference(TypedDict):
    """The first `left` steps of a stored chain."""

    stored: str
    left: int


def reference(chain_id: str, left: int) -> Reference:
    """Return what stands for the first `left` steps of a stored chain."""
    return Reference(stored=chain_id, left=left)


def is_long(rest: Sequence[Node]) -> bool:
    """Return whether a rest is to be stored."""
    return len(rest) > INLINE_STEPS


def next_step(rest: Sequence[Node]) -> tuple[Node, list[Node]]:
    """Return the step that comes next, and the rest behind it."""
    *others, step = rest
    if not is_reference(step):
        return step, others
    left = step["left"] - 1
    behind: list[Node] = [reference(step["stored"], left)] if left else []
    return _stored_step(step["stored"], left), [*others, *behind]


def last_step(rest: Sequence[Node]) -> Node:
    """Return the step with which the chain ends."""
    return _stored_step(rest[0]["stored"], 0) if is_reference(rest[0]) else rest[0]


def all_steps(rest: Sequence[Node]) -> list[Node]:
    """Return a rest with each reference replaced by its steps."""
    return [step for element in rest for step in (_stored(element) if is_reference(element) else [element])]


def _stored_step(chain_id: str, index: int) -> Node:
    # PostgreSQL picks the one element: the whole list would be parsed here for each of its steps.
    step: Node = wire.from_json(
        StoredChain.objects.values_list(f"steps__{index}", flat=True).get(pk=chain_id)
    )
    return step


def _stored(part: Node) -> list[Node]:
    steps: list[Node] = wire.from_json(StoredChain.objects.get(pk=part["stored"]).steps)
    return steps[: part["left"]]
