"""Logging: one structlog chain for our lines and for every library's, JSON for machines and colours for a terminal."""

import logging
import logging.config
import re
import sys
from typing import TextIO, TypedDict

import structlog
from structlog.types import EventDict, Processor, WrappedLogger


class LogSettings(TypedDict):
    """What Django passes from `settings.LOGGING`."""

    level: str
    format: str


# Secrets in an address: in the query of a mailed link, in the path of an account's deletion.
_IN_ADDRESS = re.compile(r"([?&](?:token|key|signature|secret)=|/account/deletions/)[^&\s\"'/]+")
# No line of ours has such a field; a library's may.
SECRETS = frozenset(("password", "token", "secret", "authorization", "cookie", "access_key", "secret_key"))
CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
"""Control characters save the tab, and the line breaks of Unicode."""


class StdoutHandler(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stdout` is at that moment, not to what it was when logging was set up."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # the base class has an attribute
        """The stream of this moment."""
        return sys.stdout


def configure(settings: LogSettings) -> None:
    """Send every log line of this process through one chain to stdout."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        hide_secrets,
    ]
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        *_renderers(settings["format"]),
                    ],
                }
            },
            "handlers": {
                "stdout": {"()": StdoutHandler, "formatter": "line"},
            },
            "root": {"handlers": ["stdout"], "level": settings["level"].upper()},
            "loggers": {
                # Django and uvicorn bring handlers of their own: take them away, or each line comes twice.
                "django": {"handlers": [], "propagate": True},
                "django.server": {"handlers": [], "propagate": True},
                "uvicorn": {"handlers": [], "propagate": True},
                # Not propagated: uvicorn takes a handler above for the wish to log each request, and its lines hold
                # the query, where a mail's link has its token.
                "uvicorn.access": {"handlers": [], "propagate": False},
                # One line a message at info, and each says no more than the job's own line.
                "celery.worker.strategy": {"level": "WARNING"},
                # aiosmtpd writes every address and every line of the conversation.
                "mail.log": {"level": "WARNING"},
                "celery.app.trace": {"level": "WARNING"},
                # Twenty lines a PDF.
                "fontTools": {"level": "WARNING"},
            },
        }
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Return the line with the value of every field that is named like a secret replaced."""
    event.pop("color_message", None)  # uvicorn says the event twice, the second time for a terminal
    for name, value in event.items():
        if name.lower() in SECRETS:
            event[name] = "hidden"
        elif isinstance(value, str) and "/" in value:
            event[name] = _IN_ADDRESS.sub(r"\1hidden", value)
    return event


def escape_controls(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Return the line with the control characters of its event escaped, as the renderer does for the other fields.

    A library writes what a client sent into its message: a line break would begin a line that looks like ours, and an
    escape sequence would change the operator's terminal. JSON escapes them by itself.
    """
    event["event"] = CONTROLS.sub(lambda found: ascii(found[0])[1:-1], str(event["event"]))
    return event


def _renderers(wanted: str) -> list[Processor]:
    if wanted == "console" or (wanted == "auto" and sys.stdout.isatty()):
        return [
            escape_controls,
            structlog.dev.ConsoleRenderer(
                colors=sys.stdout.isatty(),
                exception_formatter=structlog.dev.RichTracebackFormatter(show_locals=False),
            ),
        ]
    return [
        # Both renderers omit the local variables of the frames: a password may be one of them.
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        ),
        structlog.processors.JSONRenderer(),
    ]
