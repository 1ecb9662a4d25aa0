"""The rows of the table, one file for each kind of fault."""

from tests.chaos.faults import (
    asking,
    beat,
    clock,
    database,
    disk,
    flood,
    flush,
    freeze,
    kill,
    mail,
    messages,
    order,
    partition,
    rate,
    refuse,
    retry,
    stop,
)
from tests.chaos.play import ALL

__all__ = [
    "ALL",
    "asking",
    "beat",
    "clock",
    "database",
    "disk",
    "flood",
    "flush",
    "freeze",
    "kill",
    "mail",
    "messages",
    "order",
    "partition",
    "rate",
    "refuse",
    "retry",
    "stop",
]
