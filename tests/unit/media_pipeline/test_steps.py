"""Each step on a real video, run twice: the same files, the same rows, nothing done again."""

import re
import subprocess

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from celery_ledger.errors import Permanent, Transient
from celery_ledger.models import Job
from media_pipeline import lifecycle, tasks
from media_pipeline.engine import audio as audio_engine
from media_pipeline.engine.plan import Plan
from media_pipeline.files import storage
from media_pipeline.models import Asset, Step, StepState, Video, VideoState
from media_pipeline.plans import audio_tracks_of, film_of
from tests.unit.media_pipeline.builders import a_film_file, a_video, an_asset, kept_everywhere
from tests.unit.media_pipeline.engine.films import OPEN_GOP, SOUND, ffmpeg, picture, tone

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def film_file(tmp_path_factory):
    return a_film_file(tmp_path_factory.mktemp("film") / "film.mp4", seconds=2, size="320x180")


@pytest.fixture
def video(owner, film_file):
    video = a_video(owner)
    storage.source(video.pk).write_bytes(film_file.read_bytes())
    lifecycle.start(video)
    return video


@pytest.fixture
def probed(video):
    tasks.probe(str(video.pk))
    video.refresh_from_db()
    return video


def facts_of(video: Video) -> tuple:
    """Return all that a repeat must not change."""
    folder = storage.film_folder(video.pk)
    files = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assets = list(Asset.objects.filter(video=video).order_by("pk").values("kind", "name", "path", "bytes"))
    steps = list(Step.objects.filter(video=video).order_by("pk").values())
    return (
        files,
        assets,
        steps,
        Job.objects.count(),
        Video.objects.values("state", "progress").get(pk=video.pk),
    )


def times_of(folder) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def states_of(video: Video) -> dict[str, str]:
    return dict(Step.objects.filter(video=video).values_list("name", "state"))


def test_probe(video):
    tasks.probe(str(video.pk))
    before = facts_of(video)
    tasks.probe(str(video.pk))

    video.refresh_from_db()
    plan = Plan.from_json(video.plan)
    assert (video.width, video.height, video.duration_seconds) == (320, 180, 2.0)
    assert [path.name for path in storage.work_folder(video.pk, "pieces").iterdir()] == ["00000.nut"]
    assert len(plan.chunks) == 1
    assert states_of(video)["probe"] == StepState.DONE
    assert facts_of(video)[0] == before[0]
    assert Job.objects.filter(name="media_pipeline.encode").count() == 1


@pytest.mark.parametrize(
    ("step", "task", "args"),
    [
        ("encode", tasks.encode, (0,)),
        ("audio", tasks.audio, ()),
        ("storyboard", tasks.storyboard, ()),
        ("subtitles", tasks.subtitles, ()),
    ],
)
def test_a_step_beside_others(probed, step, task, args):
    task(str(probed.pk), *args)
    before = facts_of(probed)
    task(str(probed.pk), *args)

    assert facts_of(probed) == before
    assert states_of(probed)[step] == StepState.DONE


def test_thumbnails_are_grabbed_and_then_made(probed):
    tasks.grab_thumbnails(str(probed.pk))
    half = Step.objects.get(video=probed, name="thumbnails")
    tasks.process_thumbnails(str(probed.pk))
    before = facts_of(probed)
    tasks.grab_thumbnails(str(probed.pk))
    tasks.process_thumbnails(str(probed.pk))

    assert (half.state, half.progress) == (StepState.RUNNING, 50)
    assert facts_of(probed) == before
    assert Asset.objects.filter(video=probed, kind="poster", name="poster.jpg").count() == 1
    assert Asset.objects.filter(video=probed, kind="thumbnail").exists()


def test_package_and_finish(probed, django_capture_on_commit_callbacks):
    name = str(probed.pk)
    tasks.encode(name, 0)
    tasks.audio(name)
    tasks.grab_thumbnails(name)
    tasks.process_thumbnails(name)
    tasks.storyboard(name)
    tasks.subtitles(name)

    tasks.package(name)
    packaged = facts_of(probed)
    tasks.package(name)
    repeated = facts_of(probed)
    tasks.finish(name)
    finished = facts_of(probed)
    tasks.finish(name)

    assert repeated == packaged
    assert facts_of(probed) == finished
    probed.refresh_from_db()
    assert (probed.state, probed.progress) == (VideoState.READY, 100)
    assert set(states_of(probed).values()) == {StepState.DONE}
    kinds = set(Asset.objects.filter(video=probed).values_list("kind", flat=True))
    assert {"hls", "dash", "mp4", "poster", "thumbnail", "storyboard"} <= kinds
    assert not (storage.film_folder(probed.pk) / "work").exists()
    assert probed.vmaf is None or 0 <= probed.vmaf <= 100


def test_the_audio_tracks_that_are_listed_are_those_that_play(owner, tmp_path, monkeypatch):
    """Three tracks, of which one cannot be converted: a part of a video that fails never fails the video."""
    source = tmp_path / "film.mkv"
    maps = ("-map", 0, "-map", 1, "-map", 2, "-map", 3)
    ffmpeg(*picture(1), *tone(1), *tone(1), *tone(1), *maps, *OPEN_GOP, *SOUND, source)
    video = a_video(owner)
    storage.source(video.pk).write_bytes(source.read_bytes())
    lifecycle.start(video)
    tasks.probe(str(video.pk))
    usual = audio_engine._to_stereo
    monkeypatch.setattr(
        audio_engine, "_to_stereo", lambda sound: "pan=nowhere" if sound.stream == 2 else usual(sound)
    )

    tasks.encode(str(video.pk), 0)
    tasks.audio(str(video.pk))
    tasks.package(str(video.pk))

    video.refresh_from_db()
    names = [track.name for track in audio_tracks_of(video)]
    master = (storage.output_folder(video.pk, "film") / "master.m3u8").read_text()
    assert names == ["audio", "audio_3"]
    assert re.findall(r'TYPE=AUDIO,URI="(.*?)\.m3u8"', master) == names
    assert states_of(video)["package"] == StepState.DONE


def test_text_that_cannot_be_packaged_does_not_fail_the_video(probed):
    name = str(probed.pk)
    tasks.encode(name, 0)
    tasks.audio(name)
    an_asset(probed, "subtitles", "en", "subtitles/en.vtt", b"no text track")

    tasks.package(name)
    packaged = facts_of(probed)
    Step.objects.filter(video=probed, name="package").update(state=StepState.RUNNING)
    tasks.package(name)

    assert facts_of(probed)[:2] == packaged[:2]
    probed.refresh_from_db()
    (warning,) = probed.warnings
    assert warning["step"] == "package"
    assert "“English”" in warning["reason"]
    assert states_of(probed)["package"] == StepState.DONE
    master = Asset.objects.get(video=probed, kind="hls")
    assert "SUBTITLES" not in storage.output_file(probed.pk, master.path).read_text()


def test_each_step_may_run_on_another_machine(bucket, video, move):
    """Nothing is shared but database and bucket: each job finds an empty disk."""
    name = str(video.pk)
    kept_everywhere(video)
    jobs = [
        (tasks.probe, ()),
        (tasks.encode, (0,)),
        (tasks.audio, ()),
        (tasks.grab_thumbnails, ()),
        (tasks.process_thumbnails, ()),
        (tasks.storyboard, ()),
        (tasks.subtitles, ()),
        (tasks.package, ()),
        (tasks.finish, ()),
    ]

    for number, (task, args) in enumerate(jobs):
        move(f"machine {number}")
        task(name, *args)
        move(f"machine {number}, repeated")
        task(name, *args)

    video.refresh_from_db()
    assert (video.state, video.progress) == (VideoState.READY, 100)
    assert video.vmaf > 0
    move("web")
    for asset in Asset.objects.filter(video=video):
        path = storage.output_file(video.pk, asset.path)
        assert path is not None
        assert path.stat().st_size == asset.bytes
    assert not [key for key in bucket.objects() if "/work/" in key]


def test_a_step_that_is_repeated_elsewhere_makes_nothing_again(bucket, probed, move):
    kept_everywhere(probed)
    tasks.encode(str(probed.pk), 0)
    before, times = bucket.objects(), times_of(storage.chunk_folder(probed.pk, 0))
    move("another")

    tasks.encode(str(probed.pk), 0)

    assert bucket.objects() == before
    assert times_of(storage.chunk_folder(probed.pk, 0)) == times


def test_a_step_waits_for_a_bucket_that_is_away(bucket, probed, move):
    kept_everywhere(probed)
    move("another")
    bucket.kill()

    with pytest.raises(Transient):
        tasks.audio(str(probed.pk))
    bucket.start()
    tasks.audio(str(probed.pk))

    assert states_of(probed)["audio"] == StepState.DONE


def test_a_source_whose_clock_jumps_is_remuxed_once_for_all_steps(bucket, video, film_file, move, tmp_path):
    """Two recordings in one file: every step, on whatever machine, reads the file in which they are joined."""
    part = tmp_path / "part.ts"
    subprocess.run([get_ffmpeg_exe(), "-v", "error", "-i", film_file, "-c", "copy", part], check=True)
    storage.source(video.pk).write_bytes(part.read_bytes() * 2)
    kept_everywhere(video)
    name = str(video.pk)

    tasks.probe(name)
    for number, task in enumerate((tasks.audio, tasks.storyboard, tasks.grab_thumbnails, tasks.subtitles)):
        move(f"machine {number}")
        task(name)

    video.refresh_from_db()
    film = film_of(video)
    assert film.is_remuxed
    assert film.warnings == ("The times in this file jump. Its parts were joined end to end.",)
    assert video.duration_seconds == pytest.approx(4, abs=0.2)
    assert states_of(video)["audio"] == states_of(video)["storyboard"] == StepState.DONE
    assert [key for key in bucket.objects() if "/work/remuxed" in key]


def test_a_chunk_that_is_there_is_not_encoded_again_by_the_next_run(probed):
    tasks.encode(str(probed.pk), 0)
    folder = storage.chunk_folder(probed.pk, 0)
    inodes = {path.name: path.stat().st_ino for path in folder.iterdir()}
    lifecycle.cancel(probed.pk, probed.created_at)

    lifecycle.retry(probed.pk)
    tasks.probe(str(probed.pk))
    tasks.encode(str(probed.pk), 0)

    assert {path.name: path.stat().st_ino for path in folder.iterdir()} == inodes


def test_what_only_decoding_can_tell_is_a_permanent_refusal(video):
    storage.source(video.pk).write_bytes(b"\x00\x00\x00\x18ftypisom" + b"\x00" * 5000)

    with pytest.raises(Permanent):
        tasks.probe(str(video.pk))


def test_a_step_of_a_deleted_film_does_nothing(video):
    name = str(video.pk)
    video.delete()

    for task, args in ((tasks.probe, ()), (tasks.encode, (0,)), (tasks.package, ()), (tasks.finish, ())):
        assert task(name, *args) is None
