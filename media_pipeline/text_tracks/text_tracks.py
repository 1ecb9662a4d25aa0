"""Text tracks of a ready video that its owner puts, replaces or removes.

What is asked for is a row, and one job after another of the same video carries the rows out: each track gets a folder
of its own, and the files that name a video's streams a new one, to which the video's rows then point.

    <video>/output/text-<digest>/…       a track: its WebVTT file, segments and playlist
    <video>/output/streams-<digest>/…    master playlist and manifest

What nothing points to any more is removed a day later: a player that is in the middle goes on with what it has loaded.
"""

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from celery_ledger import Permanent, enqueue
from media_pipeline import queries
from media_pipeline.engine.languages import UNKNOWN, language_tag, track_title
from media_pipeline.engine.packager import DASH, HLS
from media_pipeline.engine.text_files import UnreadableText, read_text_file
from media_pipeline.engine.text_package import Named, digest, package_text, read_named, renamed, write_named
from media_pipeline.errors import NoSuchTrack, TooManyTracks, UnknownLanguage, UnusableText, WrongState
from media_pipeline.files import storage
from media_pipeline.files.assets import asset
from media_pipeline.models import Asset, AssetKind, StepName, TextChange, TextKind, Video, VideoState, Warned
from media_pipeline.plans import plan_of
from media_pipeline.progress import progress
from media_pipeline.steps.made import made
from media_pipeline.steps.subtitles import SUBTITLES

log = structlog.get_logger(__name__)

PLAYED_ON_SECONDS: Final = 24 * 3600
TEXT: Final = "text-"
STREAMS: Final = "streams-"
NOT_READY: Final = "Text tracks can be changed once the video is ready."


def put(video: Video, language: str, kind: TextKind, content: bytes, charset: str = "") -> None:
    """Ask for the text track `content`, WebVTT or SubRip, in place of the video's one of that language and kind.

    Raises UnknownLanguage, UnusableText with the line that is wrong, TooManyTracks, and WrongState unless the video is
    ready. Twice: what the video has, or is about to get, is not asked for again.
    """
    tag = _tag(language)
    _refuse_unready(video)
    try:
        text = read_text_file(content, video.duration_seconds or 0.0, tag, charset)
    except UnreadableText as error:
        raise UnusableText(str(error)) from error
    _ask(video.pk, tag, kind, text)


def remove(video: Video, language: str, kind: TextKind) -> None:
    """Ask for the removal of the video's text track of that language and kind.

    Raises NoSuchTrack where it has none, WrongState unless the video is ready. Twice: NoSuchTrack once it is removed.
    """
    _ask(video.pk, _tag(language), kind, "")


def carry_out(video_id: str) -> None:
    """Package the tracks that were asked for, let the video's rows point to them, and forget what was asked.

    Twice: nothing is asked for any more. Killed in between: folders that are there are not made again.
    """
    video = queries.video(video_id)
    changes = list(queries.text_changes(video_id))
    if video is None or not changes or queries.streams_of(video_id) is None:
        return
    try:
        tracks = {change.pk: _packaged(video, change) for change in changes if change.content}
        streams = _name_streams(video, changes, list(tracks.values()))
    except Permanent as error:
        _refuse(video_id, changes, str(error))
        return
    _record(video_id, changes, tracks, streams)


def remove_unused(video_id: str, folders: list[str], *, is_in_turn: bool) -> None:
    """Remove those of the video's output folders that no row points to. Twice: nothing is there.

    Not while a track is being changed, which may use a folder again: in turn with these jobs, which a job that waits
    for a day may not hold up.
    """
    if not is_in_turn:
        enqueue("media_pipeline.remove_unused_texts", video_id, folders, True, order_key=_order_key(video_id))
        return
    used = queries.output_folders(video_id)
    for name in folders:
        if name not in used and _holds_only_text(name):
            storage.remove_output(video_id, name)


def _tag(language: str) -> str:
    tag = language_tag(language)
    if tag == UNKNOWN and language.lower() != UNKNOWN:
        raise UnknownLanguage
    return tag


def _refuse_unready(video: Video) -> None:
    if video.state != VideoState.READY or queries.streams_of(video.pk) is None:
        raise WrongState(NOT_READY)


@transaction.atomic
def _ask(video_id: UUID, language: str, kind: TextKind, content: str) -> None:
    video = queries.locked(video_id)
    if video is None:
        raise NoSuchTrack
    _refuse_unready(video)
    name, asked = _name(language, kind), queries.text_changes(video_id)
    expected = _expected(video_id, asked)
    if expected.get(name) == _folder(name, content):
        return
    if content and name not in expected and len(expected) >= settings.VIDEO_TEXT_TRACKS:
        raise TooManyTracks(settings.VIDEO_TEXT_TRACKS)
    is_asked = asked.filter(language=language, kind=kind)
    if not content and name not in expected:
        if is_asked.exists():
            return  # Its removal is under way.
        raise NoSuchTrack
    is_asked.delete()
    # A new row, never a changed one: a job that is carrying out the old one must not take this for it.
    TextChange.objects.create(video=video, language=language, kind=kind, content=content)
    enqueue(
        "media_pipeline.change_texts",
        str(video_id),
        order_key=_order_key(video_id),
        share_key=str(video.owner_id),
    )


def _expected(video_id: UUID, asked: Iterable[TextChange]) -> dict[str, str]:
    """Return the tracks that the video will have once all is carried out, each with its folder."""
    rows = queries.text_assets(video_id)
    tracks = {row.name: PurePosixPath(row.path).parts[0] for row in rows}
    for change in asked:
        name = _name(change.language, change.kind)
        if change.content:
            tracks[name] = _folder(name, change.content)
        else:
            tracks.pop(name, None)
    return tracks


def _packaged(video: Video, change: TextChange) -> Asset:
    """Return the row, not stored yet, of the track that is asked for."""
    name = _name(change.language, change.kind)
    into = storage.output_folder(video.pk, _folder(name, change.content))
    with made(into):
        track = package_text(name, change.content, plan_of(video), into)
    return asset(video, AssetKind.SUBTITLES, name, track.path)


def _name_streams(video: Video, changes: list[TextChange], tracks: list[Asset]) -> str:
    """Write the playlist and the manifest that name the video's streams after the changes; return their folder."""
    streams = renamed(
        _named(video, queries.streams_of(video.pk) or ""),
        [_name(change.language, change.kind) for change in changes],
        [_named(video, PurePosixPath(track.path).parts[0]) for track in tracks],
    )
    name = f"{STREAMS}{streams.digest}"
    into = storage.output_folder(video.pk, name)
    with made(into):
        write_named(streams, into)
    return name


def _named(video: Video, folder: str) -> Named:
    found = [storage.output_file(video.pk, f"{folder}/{name}") for name in (HLS, DASH)]
    if found[0] is None or found[1] is None:
        raise Permanent("The video's files are gone.")
    return read_named(found[0], found[1], folder)


@transaction.atomic
def _record(video_id: str, changes: list[TextChange], tracks: dict[int, Asset], streams: str) -> None:
    video = queries.locked(video_id)
    if video is None or queries.streams_of(video_id) is None:
        return
    before = queries.output_folders(video_id)
    for change in changes:
        row = Asset.objects.filter(
            video=video, kind=AssetKind.SUBTITLES, name=_name(change.language, change.kind)
        )
        track = tracks.get(change.pk)
        if track is None:
            row.delete()
        elif not row.update(path=track.path, bytes=track.bytes):
            track.save(force_insert=True)
    _point_to(video, streams)
    TextChange.objects.filter(pk__in=[change.pk for change in changes]).delete()
    _warn(video, changes, None)
    unused = sorted(filter(_holds_only_text, before - queries.output_folders(video_id)))
    if unused:
        enqueue(
            "media_pipeline.remove_unused_texts",
            video_id,
            unused,
            delay_seconds=PLAYED_ON_SECONDS,
        )
    log.info("video_texts_changed", video_id=video_id, changes=len(changes))


def _point_to(video: Video, streams: str) -> None:
    for kind, file in ((AssetKind.HLS, HLS), (AssetKind.DASH, DASH)):
        path = storage.output_folder(video.pk, streams) / file
        moved = asset(video, kind, file, path)
        Asset.objects.filter(video=video, kind=kind).update(path=moved.path, bytes=moved.bytes)


@transaction.atomic
def _refuse(video_id: str, changes: list[TextChange], reason: str) -> None:
    """Forget what can never be carried out, and tell the owner."""
    video = queries.locked(video_id)
    if video is None:
        return
    TextChange.objects.filter(pk__in=[change.pk for change in changes]).delete()
    _warn(video, changes, reason)
    log.warning("video_texts_refused", video_id=video_id, reason=reason)


def _warn(video: Video, changes: list[TextChange], reason: str | None) -> None:
    """Warn of the changes, or of none of them any more."""
    told = [f"The text track “{_title(change)}” could not be " for change in changes]
    kept = [
        warned for warned in video.warnings if not any(warned["reason"].startswith(each) for each in told)
    ]
    added = [Warned(step=StepName.SUBTITLES.value, reason=f"{each}changed: {reason}") for each in told]
    video.warnings = kept + (added if reason is not None else [])
    queries.store_warnings(video)
    progress.announce(video.pk)


def _name(language: str, kind: str) -> str:
    """Return what rows and files call the track."""
    return language if kind == TextKind.SUBTITLES else f"{language}.{kind}"


def _holds_only_text(folder: str) -> bool:
    """Whether the output folder can go once no row points to it: playlists point to pictures and sound as well."""
    return folder == SUBTITLES or folder.startswith((TEXT, STREAMS))


def _title(change: TextChange) -> str:
    kind: Any = change.kind
    return track_title(change.language, kind)


def _folder(name: str, content: str) -> str:
    return f"{TEXT}{digest(name, content)}" if content else ""


def _order_key(video_id: UUID | str) -> str:
    return f"video-texts-{video_id}"
