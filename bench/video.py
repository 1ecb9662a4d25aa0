"""A video through our steps, two chunks at a time, beside one plain ffmpeg that does the same alone.

Both decode once, make the same sizes with the same encoder settings, and end with HLS and MP4 files. The plain
one uses as many threads as it likes; ours is the sum of probe, cut, encode, audio and package, as jobs do them.
"""

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.row import Row
from media_pipeline.engine.audio import encode_audio
from media_pipeline.engine.cut import cut_pieces, piece_name
from media_pipeline.engine.encode import encode_chunk
from media_pipeline.engine.ffmpeg import ffmpeg_path
from media_pipeline.engine.package import package
from media_pipeline.engine.plan import Limits, Plan, make_plan
from media_pipeline.engine.probe import probe

FILM_SECONDS = 36
CHUNK_SECONDS = 12
WORKERS = 2
ROUNDS = 3
LIMITS = Limits(max_bytes=4 << 30, max_seconds=14_400, max_pixels=7680 * 4320)


def main() -> None:
    """Print the rows as JSON."""
    with tempfile.TemporaryDirectory(prefix="offstage-film-") as name:
        folder = Path(name)
        source = _film(folder / "source.mp4")
        plan = make_plan(probe(source, LIMITS), CHUNK_SECONDS)
        walls: dict[str, list[float]] = {"ours": [], "plain": []}
        for number in range(ROUNDS):
            walls["plain"].append(_timed(lambda: _plain(source, plan, folder / f"plain{number}")))  # noqa: B023 - run at once
            walls["ours"].append(_timed(lambda: _ours(source, folder / f"ours{number}")))  # noqa: B023 - run at once
    what = f"{FILM_SECONDS} s of 1080p to HLS and MP4, {WORKERS} workers of {os.cpu_count()} cores"
    print(
        json.dumps(
            [
                Row(
                    what=what,
                    unit="s",
                    ours=statistics.median(walls["ours"]),
                    baseline=statistics.median(walls["plain"]),
                )
            ]
        )
    )


def _film(path: Path) -> Path:
    """Make a video with moving detail and sound."""
    picture = f"testsrc2=size=1920x1080:rate=30:duration={FILM_SECONDS},noise=alls=12:allf=t"
    sound = f"sine=frequency=440:duration={FILM_SECONDS}"
    encoder = ("-c:v", "libx264", "-preset", "ultrafast", "-b:v", "8M", "-c:a", "aac")
    _run("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, *encoder, "-pix_fmt", "yuv420p", str(path))
    return path


def _ours(source: Path, into: Path) -> None:
    into.mkdir()
    film = probe(source, LIMITS)
    plan = make_plan(film, CHUNK_SECONDS)
    cut_pieces(source, film, plan, into / "pieces")
    with ProcessPoolExecutor(WORKERS) as workers:
        chunks = [workers.submit(_encode, into, plan, chunk.number) for chunk in plan.chunks]
        sound = workers.submit(encode_audio, source, film, plan, into / "audio", _unheard)
        folders = [chunk.result() for chunk in chunks]
        sound.result()
    package(plan, folders, into / "audio", [], into / "film", _unheard)


def _encode(into: Path, plan: Plan, number: int) -> Path:
    folder = into / f"chunk{number}"
    encode_chunk(into / "pieces" / piece_name(number), plan, number, folder, _unheard)
    return folder


def _unheard(_share: float) -> None:
    """Report progress to nobody."""


def _plain(source: Path, plan: Plan, into: Path) -> None:
    into.mkdir()
    split = f"[0:v]split={len(plan.rungs)}" + "".join(f"[s{rung.name}]" for rung in plan.rungs)
    scaled = [f"[s{r.name}]scale={r.width}:{r.height}:flags=bicubic,setsar=1[v{r.name}]" for r in plan.rungs]
    outputs: list[str] = []
    for rung in plan.rungs:
        outputs += [
            *(
                "-map",
                f"[v{rung.name}]",
                "-map",
                "0:a",
                "-c:v",
                "libx264",
                "-preset",
                "veryfast",
                "-crf",
                "23",
            ),
            *("-maxrate", f"{rung.kilobits}k", "-bufsize", f"{2 * rung.kilobits}k", "-pix_fmt", "yuv420p"),
            *("-g", str(plan.frames_per_segment), "-keyint_min", str(plan.frames_per_segment)),
            *("-sc_threshold", "0", "-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart"),
            str(into / f"{rung.name}.mp4"),
        ]
    _run("-i", str(source), "-filter_complex", ";".join([split, *scaled]), *outputs)
    for rung in plan.rungs:
        streamed = ("-c", "copy", "-f", "hls", "-hls_time", "4", "-hls_segment_type", "fmp4")
        (into / rung.name).mkdir()
        _run("-i", str(into / f"{rung.name}.mp4"), *streamed, str(into / rung.name / "media.m3u8"))


def _run(*arguments: str) -> None:
    subprocess.run([ffmpeg_path(), "-v", "error", "-nostdin", "-y", *arguments], check=True)


def _timed(act: Callable[[], None]) -> float:
    started_at = time.perf_counter()
    act()
    return time.perf_counter() - started_at


if __name__ == "__main__":
    main()
