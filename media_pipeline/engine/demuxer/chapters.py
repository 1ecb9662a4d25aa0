"""The chapters that a file names."""

from fractions import Fraction
from typing import Any

# More than any book has, and longer than any title.
CHAPTERS_READ, TITLE_CHARACTERS = 1000, 1000


def chapters(container: Any) -> list[dict[str, Any]]:
    """Return where each chapter starts on the source's clock, and its title as it is written."""
    return [
        {
            "start_seconds": chapter["start"] * Fraction(chapter["time_base"]),
            "title": str(chapter["metadata"].get("title", ""))[:TITLE_CHARACTERS],
        }
        for chapter in container.chapters()[:CHAPTERS_READ]
    ]
