"""Sources that ffmpeg makes for these tests: small, and each odd in one way."""

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

from media_pipeline.engine.ffmpeg import ffmpeg_path

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-threads", "1")
OPEN_GOP = (*X264, "-g", "30", "-bf", "3", "-x264-params", "open-gop=1:keyint=30:b-adapt=0:scenecut=0")
SOUND = ("-c:a", "aac", "-b:a", "64k")


def ffmpeg(*arguments: object) -> None:
    """Run ffmpeg and insist that it worked."""
    command = [ffmpeg_path(), "-hide_banner", "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)


def picture(seconds: float = 4, rate: str = "30", size: str = "320x180") -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds}")


def tone(seconds: float = 4) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"sine=f=440:r=48000:d={seconds}")


def _open_gop(path: Path) -> None:
    ffmpeg(*picture(6), *tone(6), *OPEN_GOP, *SOUND, path)


def _hevc(path: Path) -> None:
    parameters = "open-gop=1:keyint=20:bframes=4:log-level=none:pools=none:frame-threads=1"
    ffmpeg(*picture(3), "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", parameters, path)


def _variable(path: Path) -> None:
    choose = "select='if(lt(t,2),1,not(mod(n,3)))'"
    ffmpeg(*picture(), "-vf", choose, "-fps_mode", "vfr", *OPEN_GOP, path)


def _edited(path: Path) -> None:
    whole = path.with_name("before_edit.mp4")
    _open_gop(whole)
    ffmpeg("-ss", "1.3", "-i", whole, "-c", "copy", path)


def _rate(rate: str) -> Callable[[Path], None]:
    return lambda path: ffmpeg(*picture(3, rate), *OPEN_GOP, path)


def _late_picture(path: Path) -> None:
    ffmpeg(
        "-itsoffset", "1.5", *picture(3), *tone(4.5), "-map", "0:v", "-map", "1:a", *OPEN_GOP, *SOUND, path
    )


def _late_sound(path: Path) -> None:
    ffmpeg(*picture(), "-itsoffset", "0.8", *tone(3), "-map", "0:v", "-map", "1:a", *OPEN_GOP, *SOUND, path)


def _long_sound(path: Path) -> None:
    ffmpeg(*picture(3), *tone(7), *OPEN_GOP, *SOUND, path)


def _interlaced(path: Path) -> None:
    fields = (
        "-vf",
        "interlace",
        "-c:v",
        "mpeg2video",
        "-flags",
        "+ilme+ildct",
        "-b:v",
        "2M",
        "-g",
        "12",
        "-bf",
        "2",
    )
    ffmpeg(*picture(3, "50"), *fields, path)


def _hdr(path: Path) -> None:
    tags = "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:log-level=none:pools=none"
    ffmpeg(
        *picture(2),
        "-vf",
        "format=yuv420p10le",
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-x265-params",
        tags,
        path,
    )


def _turned(degrees: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        upright = path.with_name(f"upright_{degrees}.mp4")
        blue = ("-f", "lavfi", "-i", "color=blue:s=320x180:r=30:d=1")
        ffmpeg(*blue, "-vf", "drawbox=0:0:80:40:red:fill", *OPEN_GOP, upright)
        ffmpeg("-display_rotation", degrees, "-i", upright, "-c", "copy", path)

    return make


def _cut_short(suffix: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        whole = path.with_name(f"whole{suffix}")
        fast = ("-movflags", "+faststart") if suffix == ".mp4" else ()
        ffmpeg(*picture(6), *tone(6), *OPEN_GOP, *SOUND, *fast, whole)
        path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    return make


def _damaged(path: Path) -> None:
    whole = path.with_name("undamaged.mp4")
    ffmpeg(*picture(6), *OPEN_GOP, whole)
    content = bytearray(whole.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = random.Random(1).randbytes(4000)
    path.write_bytes(content)


def _subtitled(path: Path) -> None:
    text = path.with_suffix(".srt")
    text.write_text("1\n00:00:00,500 --> 00:00:02,000\nGuten Tag & <b>hallo</b>\n")
    ffmpeg(
        *(*picture(3), *tone(3), "-i", text, "-map", "0", "-map", "1", "-map", "2", *OPEN_GOP, *SOUND),
        *("-c:s", "mov_text", "-metadata:s:s:0", "language=deu", path),
    )


def _two_sizes(path: Path) -> None:
    parts = []
    for number, size in enumerate(("320x180", "256x144")):
        part = path.with_name(f"size_{number}.ts")
        ffmpeg(*picture(2, size=size), *OPEN_GOP, "-output_ts_offset", 2 * number, part)
        parts.append(part.read_bytes())
    path.write_bytes(b"".join(parts))


FILMS: dict[str, Callable[[Path], None]] = {
    "open_gop.mp4": _open_gop,
    "open_gop.ts": _open_gop,
    "open_gop.mkv": _open_gop,
    "hevc.mp4": _hevc,
    "variable.mp4": _variable,
    "edited.mp4": _edited,
    "ntsc_film.mp4": _rate("24000/1001"),
    "fast.mkv": _rate("60000/1001"),
    "slow.mp4": _rate("25/2"),
    "vp9.webm": lambda path: ffmpeg(
        *picture(3), "-c:v", "libvpx-vp9", "-deadline", "realtime", "-g", "25", path
    ),
    "ffv1.mkv": lambda path: ffmpeg(*picture(2), "-c:v", "ffv1", path),
    "late_picture.mp4": _late_picture,
    "late_sound.mp4": _late_sound,
    "long_sound.mp4": _long_sound,
    "interlaced.ts": _interlaced,
    "hdr.mp4": _hdr,
    "odd_size.mp4": lambda path: ffmpeg(
        "-f", "lavfi", "-i", "testsrc=s=641x359:r=30:d=2", *OPEN_GOP, "-pix_fmt", "yuv444p", path
    ),
    "anamorphic.mp4": lambda path: ffmpeg(
        *picture(1, size="720x576"), "-vf", "setsar=64/45", *OPEN_GOP, path
    ),
    "portrait.mp4": lambda path: ffmpeg(*picture(1, size="360x640"), *OPEN_GOP, path),
    "one_frame.mp4": lambda path: ffmpeg(*picture(1), "-frames:v", "1", *OPEN_GOP, path),
    "short.mp4": lambda path: ffmpeg(*picture(0.2), *OPEN_GOP, path),
    "moving.gif": lambda path: ffmpeg(*picture(2, "10", "160x90"), path),
    "mpeg4.avi": lambda path: ffmpeg(*picture(3), "-c:v", "mpeg4", "-bf", "2", "-g", "20", path),
    "flash.flv": lambda path: ffmpeg(*picture(3), *tone(3), *OPEN_GOP, *SOUND, "-ar", "44100", path),
    "turned_90.mp4": _turned(90),
    "turned_180.mp4": _turned(180),
    "turned_270.mp4": _turned(270),
    "cut_short.mp4": _cut_short(".mp4"),
    "cut_short.mkv": _cut_short(".mkv"),
    "cut_short.ts": _cut_short(".ts"),
    "damaged.mp4": _damaged,
    "subtitled.mp4": _subtitled,
    "two_sizes.ts": _two_sizes,
}
