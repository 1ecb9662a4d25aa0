"""Failures that depend on the file alone and that nobody foresaw: no attempt can succeed, and somebody must look."""

from collections.abc import Iterator
from contextlib import contextmanager
from struct import error as StructError  # noqa: N812 - named like what it is, an exception

import structlog

from celery_ledger import Permanent
from media_pipeline.engine.process import Ended

log = structlog.get_logger(__name__)

FOR_THE_OWNER = "This video cannot be processed: there is something in it that we do not handle yet."
# What a value in the file leads to where it is absurd. What the system does (OSError, MemoryError) is not among them.
OF_THE_FILE = (ArithmeticError, LookupError, ValueError, TypeError, StructError)


def unforeseen(program: str, ended: Ended, reason: str | None = None) -> Permanent:
    """Return the fate of a program that ended in a way that has no reason of its own, logged as a bug."""
    log.error("video_failure_unforeseen", program=program, code=ended.code, output=ended.errors[-2000:])
    return Permanent(reason or FOR_THE_OWNER)


@contextmanager
def judged_by_the_file() -> Iterator[None]:
    """Let what the file makes our own code raise be permanent, logged as a bug with its traceback."""
    try:
        yield
    except OF_THE_FILE as error:
        log.exception("video_failure_unforeseen")
        raise Permanent(FOR_THE_OWNER) from error
