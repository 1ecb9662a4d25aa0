"""A body may change its database session: a timeout, a role, an advisory lock. The next job must not inherit that.

A session that may have been changed is closed; the next statement opens another one. All others are kept, so this costs
a look at each statement and nothing else.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import structlog
from django.db import connections

log = structlog.get_logger(__name__)

#: `set local` and the like end with the transaction. An `update … set` does not begin with the word.
_CHANGES_SESSION = re.compile(
    r"^\s*(?:set\s+(?!local\b|transaction\b|constraints\b)|listen\b|load\b|prepare\b|declare\b.*\bwith\s+hold\b"
    r"|create\s+(?:local\s+|global\s+)?temp)"
    r"|\bset_config\s*\(|\bpg_(?:try_)?advisory_lock",
    re.IGNORECASE | re.DOTALL,
)


@contextmanager
def kept_clean() -> Iterator[None]:
    """Close, at the end of the block, each database session that a statement inside may have changed.

    One inside a transaction is closed by `close_changed` after that.
    """
    with ExitStack() as stack:
        for alias in connections:
            stack.enter_context(connections[alias].execute_wrapper(_note_change))
        try:
            yield
        finally:
            close_changed()


def close_changed() -> None:
    """Close the sessions that were changed, save those inside a transaction."""
    for connection in connections.all(initialized_only=True):
        if getattr(connection, "is_session_changed", False) and not connection.in_atomic_block:
            log.info("session_closed", database=connection.alias)
            connection.is_session_changed = False  # type: ignore[attr-defined]  # an attribute of our own
            connection.close()


def _note_change(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    if _CHANGES_SESSION.search(sql if isinstance(sql, str) else str(sql)):
        context["connection"].is_session_changed = True
    return execute(sql, params, many, context)
