"""Things that tests are about, each with only what matters to the test."""

import subprocess
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.utils import timezone
from imageio_ffmpeg import get_ffmpeg_exe

from accounts.models import User
from media_pipeline import queries
from media_pipeline.engine.plan import Film, Sound, make_plan
from media_pipeline.files import storage, video_folder
from media_pipeline.models import Asset, Chunk, Step, StepState, Upload, Video, VideoState
from media_pipeline.uploads.upload_handler import UploadedFilm


def a_video(owner: User, state: VideoState = VideoState.QUEUED, **fields) -> Video:
    """A stored video with its steps and a source that is no real video."""
    fields = {
        "title": "A video",
        "source": storage.SOURCE_NAME,
        "source_bytes": 4,
        "root_job": uuid4(),
    } | fields
    if state in {VideoState.READY, VideoState.FAILED, VideoState.CANCELLED}:
        fields.setdefault("finished_at", timezone.now())
    if state == VideoState.READY:
        fields.setdefault("progress", 100)
    if state == VideoState.FAILED:
        fields.setdefault("error", "It is broken.")
    video = queries.add_video(Video(owner=owner, state=state, **fields))
    if state == VideoState.READY:
        Step.objects.filter(video=video).update(state=StepState.DONE, progress=100)
    folder = storage.film_folder(video.pk)
    folder.mkdir(parents=True)
    (folder / storage.SOURCE_NAME).write_bytes(b"film")
    return video


def a_planned_video(owner: User, *, seconds: int = 24, has_audio: bool = True, **fields) -> Video:
    """A video whose probe is done: plan, chunks, everything but the work itself."""
    film = a_film(seconds=seconds, has_audio=has_audio)
    plan = make_plan(film, 12)
    video = a_video(owner, VideoState.PROCESSING, film=film.as_json(), plan=plan.as_json(), **fields)
    Chunk.objects.bulk_create(
        Chunk(video=video, number=chunk.number, frames=chunk.frames) for chunk in plan.chunks
    )
    Step.objects.filter(video=video, name="probe").update(state=StepState.DONE, progress=100)
    return video


def a_film(*, seconds: int = 24, has_audio: bool = True, **fields) -> Film:
    end = Fraction(seconds)
    film = Film(
        container="mov",
        video_stream=0,
        video_codec="h264",
        width=640,
        height=360,
        sample_aspect=Fraction(1),
        rotation=0,
        interlaced=False,
        transfer="sdr",
        colour_space="bt709",
        colour_range="tv",
        bits=8,
        rate=Fraction(25),
        is_variable=False,
        frames=25 * seconds,
        key_gap_seconds=2.0,
        start_seconds=Fraction(0),
        video_start_seconds=Fraction(0),
        video_end_seconds=end,
        sounds=(Sound(1, "aac", "eng", Fraction(0), end),) if has_audio else (),
        texts=(),
        in_one_piece=False,
        truncated=False,
    )
    return replace(film, **fields)


def an_asset(video: Video, kind: str, name: str, path: str, content: bytes = b"content") -> Asset:
    """A recorded output file, with the file."""
    file = storage.film_folder(video.pk) / "output" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return Asset.objects.create(video=video, kind=kind, name=name, path=path, bytes=len(content))


def kept_everywhere(video: Video) -> Video:
    """The same video, with all its files in the bucket too."""
    folder = storage.film_folder(video.pk)
    video_folder.keep_source(storage.source(video.pk), storage.source(video.pk))
    for made in (*folder.glob("work/*"), *folder.glob("output/*")):
        storage.keep(made)
    return video


def an_upload(
    content: bytes = b"\x00\x00\x00\x18ftypisom" + b"\x00" * 64, name: str = "clip.mp4"
) -> TemporaryUploadedFile:
    """A video as the upload handler hands it over."""
    film = UploadedFilm(name, "video/mp4")
    film.write(content)
    film.seek(0)
    film.size = len(content)
    return film


def a_film_file(path: Path, *, seconds: float = 2, size: str = "96x64", sound: bool = True) -> Path:
    """A real video, made by ffmpeg."""
    command = [get_ffmpeg_exe(), "-hide_banner", "-v", "error", "-y"]
    command += ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds}"]
    if sound:
        command += ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}", "-c:a", "aac"]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-f", "mp4", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def a_resumable_upload(owner: User, content: bytes = b"", length: int | None = None, **fields) -> Upload:
    """A resumable upload of which `content` is there, with its file; whole where no other length is named."""
    length = len(content) if length is None else length
    now = timezone.now()
    times = {"created_at": now, "expires_at": now + timedelta(hours=24)}
    upload = Upload.objects.create(
        owner=owner, length_bytes=length, offset_bytes=len(content), **{**times, **fields}
    )
    storage.make_upload(upload.pk)
    resumable_file(upload).write_bytes(content)
    return upload


def resumable_file(upload: Upload) -> Path:
    """The file of a resumable upload, where there is one."""
    return Path(settings.UPLOAD_FOLDER) / f"resumable-{upload.pk}"


def expired(upload: Upload) -> Upload:
    """The same upload two days later."""
    long_ago = timezone.now() - timedelta(hours=48)
    Upload.objects.filter(pk=upload.pk).update(created_at=long_ago, expires_at=long_ago + timedelta(hours=24))
    upload.refresh_from_db()
    return upload
