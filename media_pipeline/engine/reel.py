"""A video at work: what the steps pass to their own helpers."""

from dataclasses import dataclass
from pathlib import Path

from media_pipeline.engine.film import Film
from media_pipeline.engine.plan import Plan


@dataclass(frozen=True, slots=True)
class Reel:
    """The source, what is known of it, and the final name of the output, beside which processes are noted."""

    source: Path
    film: Film
    plan: Plan
    into: Path
