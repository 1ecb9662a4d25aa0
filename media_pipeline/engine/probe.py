"""Find out what a source is, in a limited process of its own."""

from pathlib import Path

from media_pipeline.engine.film import Film, Limits


def probe(source: Path, limits: Limits) -> Film:
    """Return what `source` holds; raises Permanent with the reason that the film's owner reads."""
    raise NotImplementedError
