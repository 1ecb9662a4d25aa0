"""Find out what a source is, in a limited process of its own."""

from dataclasses import asdict
from pathlib import Path

from celery_ledger import Permanent, Transient
from media_pipeline.engine.demux import ask_demuxer
from media_pipeline.engine.film import Film, Limits


def probe(source: Path, limits: Limits) -> Film:
    """Return what `source` holds; raises Permanent with the reason that the video's owner reads.

    Nothing of it is trusted: the packets are counted, a few key frames decoded, the header's claims left aside.
    """
    try:
        size = source.stat().st_size
    except FileNotFoundError as error:
        raise Transient("the video's file is not there") from error
    if size == 0:
        raise Permanent("the file is empty")
    if size > limits.max_bytes:
        raise Permanent("the file is too large")
    allowed = asdict(limits)
    del allowed["max_bytes"]
    answer = ask_demuxer("probe", source, source, limits=allowed)
    return Film.from_json(answer)
