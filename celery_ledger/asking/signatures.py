"""A canvas as a tree of signatures: checked as a whole before anything is asked for, its ids fixed, its chords found.

Works on Celery's own dictionaries, which are the same before and after they went through JSON.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from celery import Celery
from celery.canvas import Signature

from celery_ledger.asking import options
from celery_ledger.errors import Undeclared
from celery_ledger.values import wire

#: A signature, alive or read from JSON: both are dictionaries.
Node = Mapping[str, Any]

#: Stands for the result that a step will get from the one before it.
_RESULT = (None,)
#: Stands for the request, the exception and the traceback of a failure.
FAILURE = (None, None, None)


@dataclass(frozen=True)
class Part:
    """A place in a chord's header."""

    group_id: str
    index: int


def check_call(app: Celery, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise Undeclared for an unknown name, TypeError for wrong arguments or values that no JSON can hold."""
    _check_header(app, name, args, kwargs)
    _check_json(name, args, kwargs)


def check_tree(app: Celery, node: Node, *, gets_result: bool) -> None:
    """Check every call inside a canvas, as `check_call` does. `gets_result`: it follows another step."""
    match _kind(node):
        case "chain":
            first, *others = node["kwargs"]["tasks"] or [None]
            inner = [(first, gets_result)] if first else []
            inner += [(task, True) for task in others]
        case "group":
            inner = [(task, gets_result) for task in node["kwargs"]["tasks"]]
        case "chord":
            inner = [*((task, gets_result) for task in _header_of(node)), (node["kwargs"]["body"], True)]
        case _:
            inner = []
            _check_step(app, node, gets_result=gets_result)
    for errback in _listed(node["options"].get("link_error")):
        check_errback(app, errback)
    inner += [(follower, True) for follower in _listed(node["options"].get("link"))]
    for inner_node, follows in inner:
        check_tree(app, inner_node, gets_result=follows)


def check_errback(app: Celery, node: Node) -> None:
    """Check an errback, as `check_tree` does: it gets the id of the failed job, or the failure itself."""
    if takes_failure(app, node):
        _check_json(node["task"], node["args"] or (), node["kwargs"] or {})
        options.check(app, node["task"], node["options"])
    else:
        check_tree(app, node, gets_result=True)


def takes_failure(app: Celery, node: Node) -> bool:
    """Return whether an errback takes the request, the exception and the traceback of a failure (Celery's new style).

    One that can be called with the id of the failed job is called with that.
    """
    header = getattr(app.tasks.get(node["task"]), "__header__", None)
    # A bound task's header is partial; Celery calls such an errback with the id.
    if header is None or isinstance(header, partial) or _kind(node) or node.get("immutable"):
        return False
    args, kwargs = node["args"] or (), node["kwargs"] or {}
    return not _takes(header, *_RESULT, *args, **kwargs) and _takes(header, *FAILURE, *args, **kwargs)


def with_fixed_ids(app: Celery, canvas: Signature, seed: str) -> Signature:
    """Return a copy of a canvas whose ids follow from `seed`: the same ones each time it is asked for."""
    copy: dict[str, Any] = wire.loads(wire.dumps(canvas))
    for number, node in enumerate(_walk(copy)):
        # Chains and chords have the ids of their ends. A chord's group gets one by chance all the same: asked for
        # twice, its parts and its body are there once, beside a chord without parts that retention lets go.
        if _kind(node) not in {"chain", "chord"}:
            node["options"].setdefault("task_id", str(uuid5(NAMESPACE_OID, f"{seed}/{number}")))
    fixed: Signature = Signature.from_dict(copy, app=app)
    return fixed


def first_jobs(node: Node) -> list[Node]:
    """Return the signatures of a canvas that run at once; the rest wait for them."""
    match _kind(node):
        case "chain":
            return first_jobs(node["kwargs"]["tasks"][0]) if node["kwargs"]["tasks"] else []
        case "group":
            return [first for task in node["kwargs"]["tasks"] for first in first_jobs(task)]
        case "chord":
            return [first for task in _header_of(node) for first in first_jobs(task)]
    return [node]


def part_of(node: Node) -> Part | None:
    """Return the place in a header that the end of this canvas fills, None outside any."""
    options = node["options"]
    if options.get("chain"):
        # Celery keeps the rest of a chain with the last step first.
        return part_of(options["chain"][0])
    if options.get("chord") and options.get("group_id"):
        return Part(options["group_id"], options.get("group_index") or 0)
    match _kind(node):
        case "chain" if node["kwargs"]["tasks"]:
            return part_of(node["kwargs"]["tasks"][-1])
        case "chord":
            return part_of(node["kwargs"]["body"])
    return None


def errbacks_of(node: Node) -> list[Node]:
    """Return the errbacks of a canvas that never starts: its own, else those of what would have come first."""
    own = _listed(node["options"].get("link_error"))
    match _kind(node):
        case "chain" if node["kwargs"]["tasks"]:
            return own or errbacks_of(node["kwargs"]["tasks"][0])
        case "chord":
            return own or errbacks_of(node["kwargs"]["body"])
        case "group":
            return own or [errback for task in node["kwargs"]["tasks"] for errback in errbacks_of(task)]
    return own


def is_reference(node: Node) -> bool:
    """Return whether this element of a chain stands for steps that are stored (`celery_ledger.asking.chains`)."""
    return "stored" in node


def ids_in(nodes: Iterable[Node]) -> list[str]:
    """Return the ids that the jobs of these canvases will have."""
    return [task_id for node in nodes for task_id in _ids_in(node)]


def _ids_in(node: Node) -> Iterator[str]:
    if node["options"].get("task_id"):
        yield node["options"]["task_id"]
    for follower in (*_inside(node), *(node["options"].get("chain") or ())):
        yield from _ids_in(follower)


def _check_step(app: Celery, node: Node, *, gets_result: bool) -> None:
    args, kwargs = node["args"] or (), node["kwargs"] or {}
    result = _RESULT if gets_result and not node.get("immutable") else ()
    _check_header(app, node["task"], (*result, *args), kwargs)
    _check_json(node["task"], args, kwargs)
    options.check(app, node["task"], node["options"])


def _check_header(app: Celery, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    task = app.tasks.get(name)
    if task is None:
        raise Undeclared(f"no task is declared with the name {name!r}")
    if not task.typing:
        return
    try:
        task.__header__(*args, **kwargs)  # type: ignore[attr-defined]  # celery-types does not know it
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None


def _takes(header: Any, *args: Any, **kwargs: Any) -> bool:
    try:
        header(*args, **kwargs)
    except TypeError:
        return False
    return True


def _check_json(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    try:
        wire.dumps([args, kwargs])
    except wire.Unwritable as error:
        raise wire.Unwritable(f"{name}: arguments cannot be written as JSON: {error}") from None


def _walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for task in _inside(node):
        yield from _walk(task)


def _inside(node: Any) -> list[Any]:
    match _kind(node):
        case "chain" | "group":
            return list(node["kwargs"]["tasks"])
        case "chord":
            return [*_header_of(node), node["kwargs"]["body"]]
    return []


def _kind(node: Node) -> str | None:
    kind: str | None = node.get("subtask_type")
    return kind


def _header_of(node: Node) -> Sequence[Node]:
    header = node["kwargs"]["header"]
    return [header] if isinstance(header, Mapping) else list(header)


def _listed(value: Any) -> list[Node]:
    if not value:
        return []
    return [value] if isinstance(value, Mapping) else list(value)
