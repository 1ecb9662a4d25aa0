"""The library's log where the project has not configured structlog: one line an event, through Python's logging.

structlog's own default prints a traceback with every local variable, hundreds of lines for each dead job.
"""

from typing import Any

import structlog
from structlog.types import EventDict, WrappedLogger


def configure_unless_configured() -> None:
    """Send events to Python's logging as plain text, unless the project has said how it wants them."""
    if not structlog.is_configured():
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.contextvars.merge_contextvars,
                to_plain_text,
            ],
            wrapper_class=structlog.stdlib.BoundLogger,
            logger_factory=structlog.stdlib.LoggerFactory(),
        )


def to_plain_text(
    _logger: WrappedLogger, _method: str, event: EventDict
) -> tuple[tuple[str], dict[str, Any]]:
    """Return what a logger of Python's takes: `job_dead reason='…'`; tracebacks are left to its formatter."""
    name, exc_info = event.pop("event"), event.pop("exc_info", None)
    fields = (f"{field}={value!r}" for field, value in event.items())
    return (" ".join([str(name), *fields]),), {"exc_info": exc_info or None}
