"""Text tracks that an owner puts and removes: asked for in the request, carried out by jobs, each once."""

import re

import pytest

from celery_ledger.errors import Permanent, Transient
from celery_ledger.models import Job
from media_pipeline import tasks
from media_pipeline.engine.packager import DASH, HLS, Audio, Streams, Text, run_packager
from media_pipeline.engine.packager import Video as Rendition
from media_pipeline.engine.plan import make_plan
from media_pipeline.errors import NoSuchTrack, TooManyTracks, UnknownLanguage, UnusableText, WrongState
from media_pipeline.files import storage
from media_pipeline.models import Asset, StepName, TextChange, TextKind, Video, VideoState
from media_pipeline.removal.erase import erase_assets
from media_pipeline.text_tracks import text_tracks
from tests.unit.media_pipeline.builders import a_film, a_film_file, a_video, kept_everywhere

pytestmark = pytest.mark.django_db

SRT = b"1\n00:00:01,000 --> 00:00:02,000\nHello\n"
OTHER = b"1\n00:00:01,000 --> 00:00:02,000\nGoodbye\n"
SUBTITLES, CAPTIONS = TextKind.SUBTITLES, TextKind.CAPTIONS


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """The package of a video of 4 s with one text track."""
    folder = tmp_path_factory.mktemp("package") / "film"
    folder.mkdir()
    a_film_file(folder / "64.mp4", seconds=4)
    (folder / "en.vtt").write_text("WEBVTT\n\n00:00:00.500 --> 00:00:01.500\nHi\n")
    streams = Streams(
        [Rendition("64", "64.mp4")], [Audio("audio", "64.mp4", "en", "English")], [Text("en.vtt", "en")], 2.0
    )
    run_packager(folder, streams, beside=folder, on_progress=lambda _: None)
    return folder


@pytest.fixture
def video(owner, film):
    return a_packaged_video(owner, film)


def a_packaged_video(owner, film) -> Video:
    found = a_film(seconds=4)
    plan = make_plan(found)
    video = a_video(
        owner,
        VideoState.READY,
        film=found.as_json(),
        plan=plan.as_json(),
        duration_seconds=plan.duration_seconds,
    )
    into = storage.output_folder(video.pk, "film")
    into.mkdir()
    texts = storage.output_folder(video.pk, "subtitles")
    texts.mkdir()
    for path in film.iterdir():
        (into / path.name).write_bytes(path.read_bytes())
    (texts / "en.vtt").write_bytes((film / "en.vtt").read_bytes())
    rows = (
        ("hls", HLS, f"film/{HLS}"),
        ("dash", DASH, f"film/{DASH}"),
        ("subtitles", "en", "subtitles/en.vtt"),
    )
    for kind, name, path in rows:
        Asset.objects.create(video=video, kind=kind, name=name, path=path, bytes=1)
    return video


def carry_out(video: Video) -> None:
    tasks.change_texts(str(video.pk))


def jobs(name: str = "change_texts") -> int:
    return Job.objects.filter(name=f"media_pipeline.{name}").count()


def paths(video: Video, kind: str = "subtitles") -> dict[str, str]:
    return dict(Asset.objects.filter(video=video, kind=kind).order_by("pk").values_list("name", "path"))


def master(video: Video) -> str:
    return storage.output_file(video.pk, paths(video, "hls")[HLS]).read_text()


def tracks_in(playlist: str) -> list[str]:
    return re.findall(r'TYPE=SUBTITLES,URI="[^"]*text_([^"]+)\.m3u8"', playlist)


def files_of(video: Video) -> dict[str, int]:
    output = storage.film_folder(video.pk) / "output"
    return {
        str(path.relative_to(output)): path.stat().st_mtime_ns for path in output.rglob("*") if path.is_file()
    }


def test_a_track_is_added_and_nothing_that_was_there_changes(video):
    before, old = files_of(video), master(video)

    text_tracks.put(video, "fr", CAPTIONS, SRT)
    asked = paths(video)
    carry_out(video)

    assert asked == {"en": "subtitles/en.vtt"}
    assert list(paths(video)) == ["en", "fr.captions"]
    assert "Hello" in storage.output_file(video.pk, paths(video)["fr.captions"]).read_text()
    assert tracks_in(master(video)) == ["en", "fr_captions"]
    assert tracks_in(old) == ["en"]
    assert before.items() <= files_of(video).items()
    row = Asset.objects.get(video=video, kind="hls")
    assert row.bytes == storage.output_file(video.pk, row.path).stat().st_size
    assert not TextChange.objects.exists()


def test_a_track_is_replaced_in_its_place(video):
    text_tracks.put(video, "eng", SUBTITLES, SRT)
    carry_out(video)

    assert list(paths(video)) == ["en"]
    assert "Hello" in storage.output_file(video.pk, paths(video)["en"]).read_text()
    assert tracks_in(master(video)) == ["en"]


def test_a_track_is_removed(video):
    text_tracks.remove(video, "en", SUBTITLES)
    carry_out(video)

    assert paths(video) == {}
    assert tracks_in(master(video)) == []
    with pytest.raises(NoSuchTrack):
        text_tracks.remove(video, "en", SUBTITLES)


def test_the_same_track_put_twice_is_packaged_once(video):
    text_tracks.put(video, "fr", SUBTITLES, SRT)
    text_tracks.put(video, "fr", SUBTITLES, SRT)
    asked = jobs()
    carry_out(video)
    before = files_of(video), paths(video), master(video)
    text_tracks.put(video, "fr", SUBTITLES, SRT)
    carry_out(video)

    assert asked == jobs() == 1
    assert (files_of(video), paths(video), master(video)) == before


def test_a_removal_asked_for_twice_is_one(video):
    text_tracks.remove(video, "en", SUBTITLES)
    text_tracks.remove(video, "en", SUBTITLES)

    assert jobs() == TextChange.objects.count() == 1


def test_two_languages_put_at_once_are_both_kept(video):
    """Both are asked for before either job runs; the first one carries out both, the second finds nothing."""
    text_tracks.put(video, "fr", SUBTITLES, SRT)
    text_tracks.put(video, "pt-BR", SUBTITLES, SRT)
    keys = set(Job.objects.filter(name="media_pipeline.change_texts").values_list("order_key", flat=True))
    carry_out(video)
    before = files_of(video)
    carry_out(video)

    assert keys == {f"video-texts-{video.pk}"}
    assert list(paths(video)) == ["en", "fr", "pt-BR"]
    assert tracks_in(master(video)) == ["en", "fr", "pt-BR"]
    assert files_of(video) == before


def test_what_is_put_while_a_job_runs_is_left_for_the_next_one(video, monkeypatch):
    package = text_tracks.package_text

    def meanwhile(*args):
        monkeypatch.setattr(text_tracks, "package_text", package)
        text_tracks.put(video, "fr", SUBTITLES, OTHER)
        text_tracks.put(video, "de", SUBTITLES, OTHER)
        return package(*args)

    text_tracks.put(video, "fr", SUBTITLES, SRT)
    monkeypatch.setattr(text_tracks, "package_text", meanwhile)
    carry_out(video)
    first = storage.output_file(video.pk, paths(video)["fr"]).read_text()
    carry_out(video)

    assert "Hello" in first
    assert "Goodbye" in storage.output_file(video.pk, paths(video)["fr"]).read_text()
    assert tracks_in(master(video)) == ["en", "fr", "de"]


def test_the_last_wish_for_a_track_counts(video):
    text_tracks.put(video, "fr", SUBTITLES, SRT)
    text_tracks.remove(video, "fr", SUBTITLES)
    carry_out(video)

    assert list(paths(video)) == ["en"]


def test_what_is_not_used_any_more_goes_a_day_later(video):
    text_tracks.put(video, "en", SUBTITLES, SRT)
    carry_out(video)
    first = set(files_of(video))
    text_tracks.put(video, "en", SUBTITLES, OTHER)
    carry_out(video)
    removals = list(Job.objects.filter(name="media_pipeline.remove_unused_texts").order_by("seq"))
    kept = set(files_of(video))

    for removal in removals:
        assert removal.order_key is None
        assert (removal.run_at - removal.created_at).total_seconds() >= text_tracks.PLAYED_ON_SECONDS - 1
        tasks.remove_unused_texts(*removal.args, True)

    assert first < kept
    left = {name.partition("/")[0] for name in files_of(video)}
    assert left == {"film", paths(video)["en"].partition("/")[0], paths(video, "hls")[HLS].partition("/")[0]}


def test_what_is_used_again_stays(video):
    text_tracks.put(video, "fr", SUBTITLES, SRT)
    carry_out(video)
    text_tracks.remove(video, "fr", SUBTITLES)
    carry_out(video)
    text_tracks.put(video, "fr", SUBTITLES, SRT)
    carry_out(video)
    (folder,) = {path.partition("/")[0] for path in paths(video).values()} - {"subtitles"}

    tasks.remove_unused_texts(str(video.pk), [folder], True)

    assert storage.output_file(video.pk, paths(video)["fr"])


def test_no_folder_but_one_of_text_is_ever_removed(video):
    text_tracks.remove(video, "en", SUBTITLES)
    carry_out(video)
    assert not Asset.objects.filter(video=video, path__startswith="film/").exists()

    tasks.remove_unused_texts(str(video.pk), ["film"], True)

    assert storage.output_file(video.pk, f"film/{HLS}")


def test_a_removal_waits_for_its_turn(video):
    tasks.remove_unused_texts(str(video.pk), ["subtitles"])

    assert Job.objects.get(name="media_pipeline.remove_unused_texts").order_key == f"video-texts-{video.pk}"
    assert storage.output_file(video.pk, "subtitles/en.vtt")


@pytest.mark.parametrize("state", [state for state in VideoState if state != VideoState.READY])
def test_only_the_tracks_of_a_ready_video_change(video, state):
    Video.objects.filter(pk=video.pk).update(state=state, error="It is broken.")
    video.refresh_from_db()

    with pytest.raises(WrongState):
        text_tracks.put(video, "fr", SUBTITLES, SRT)
    with pytest.raises(WrongState):
        text_tracks.remove(video, "en", SUBTITLES)


def test_a_video_whose_files_are_erased_has_no_tracks_to_change(video, owner):
    text_tracks.put(video, "fr", SUBTITLES, SRT)
    erase_assets(str(owner.pk))

    carry_out(video)

    assert paths(video) == {}
    with pytest.raises(WrongState):
        text_tracks.put(video, "de", SUBTITLES, SRT)


def test_what_is_no_language_or_no_text_is_refused(video):
    with pytest.raises(UnknownLanguage):
        text_tracks.put(video, "klingonish-x", SUBTITLES, SRT)
    with pytest.raises(UnusableText, match="Line 1"):
        text_tracks.put(video, "en", SUBTITLES, b"{}")
    assert not TextChange.objects.exists()


def test_a_video_has_so_many_tracks_and_no_more(video, settings):
    settings.VIDEO_TEXT_TRACKS = 2
    text_tracks.put(video, "fr", SUBTITLES, SRT)

    with pytest.raises(TooManyTracks):
        text_tracks.put(video, "de", SUBTITLES, SRT)
    text_tracks.put(video, "en", SUBTITLES, SRT)

    assert TextChange.objects.count() == 2


def test_what_can_never_be_packaged_is_told_and_forgotten(video, monkeypatch):
    def refuse(*_):
        raise Permanent("the disk says no")

    package = text_tracks.package_text
    monkeypatch.setattr(text_tracks, "package_text", refuse)
    text_tracks.put(video, "fr", SUBTITLES, SRT)
    carry_out(video)
    video.refresh_from_db()
    told = video.warnings
    monkeypatch.setattr(text_tracks, "package_text", package)
    text_tracks.put(video, "fr", SUBTITLES, SRT)
    carry_out(video)
    video.refresh_from_db()

    (warning,) = told
    assert warning["step"] == StepName.SUBTITLES
    assert warning["reason"] == "The text track “Français” could not be changed: the disk says no"
    assert video.warnings == []
    assert list(paths(video)) == ["en", "fr"]


def test_what_may_succeed_later_is_kept(video, monkeypatch):
    def away(*_):
        raise Transient("the disk is full")

    monkeypatch.setattr(text_tracks, "package_text", away)
    text_tracks.put(video, "fr", SUBTITLES, SRT)

    with pytest.raises(Transient):
        carry_out(video)

    assert TextChange.objects.count() == 1


def test_killed_before_the_rows_it_makes_nothing_twice(video, monkeypatch):
    record = text_tracks._record

    def killed(*_):
        raise KeyboardInterrupt

    text_tracks.put(video, "fr", SUBTITLES, SRT)
    monkeypatch.setattr(text_tracks, "_record", killed)
    with pytest.raises(KeyboardInterrupt):
        carry_out(video)
    before = files_of(video)
    monkeypatch.setattr(text_tracks, "_record", record)
    carry_out(video)

    assert files_of(video) == before
    assert list(paths(video)) == ["en", "fr"]


def test_a_video_deleted_meanwhile_leaves_nothing(video):
    text_tracks.put(video, "fr", SUBTITLES, SRT)
    name = str(video.pk)
    video.delete()

    assert tasks.change_texts(name) is None
    assert tasks.remove_unused_texts(name, ["subtitles"], True) is None


def test_another_machine_goes_on(bucket, owner, film, move):
    video = a_packaged_video(owner, film)
    kept_everywhere(video)
    text_tracks.put(video, "fr", SUBTITLES, SRT)
    move("worker")
    carry_out(video)
    move("another worker")
    text_tracks.put(video, "en", SUBTITLES, SRT)
    carry_out(video)
    move("web")

    assert tracks_in(master(video)) == ["en", "fr"]
    for path in (*paths(video).values(), paths(video, "dash")[DASH]):
        assert storage.output_file(video.pk, path), path
    fetched = {path.name for path in storage.film_folder(video.pk).rglob("*.mp4")}
    assert fetched == set()
    folder = paths(video)["fr"].partition("/")[0]
    text_tracks.remove(video, "fr", SUBTITLES)
    carry_out(video)
    tasks.remove_unused_texts(str(video.pk), [folder], True)
    assert not [key for key in bucket.objects() if folder in key]
