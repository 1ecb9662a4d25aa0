"""One line of the table."""

from typing import TypedDict


class Row(TypedDict):
    """What was measured, for us and for the baseline, in the same unit."""

    what: str
    unit: str
    ours: float
    baseline: float
