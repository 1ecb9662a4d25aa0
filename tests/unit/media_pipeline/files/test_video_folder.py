"""Folders between machines: whole or not there, whoever makes them, whoever wants them, whatever breaks."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.conf import settings

from celery_ledger.current import CurrentJob, running
from celery_ledger.errors import Cancelled, Permanent
from config.env import ROOT
from media_pipeline.files import storage, video_folder
from media_pipeline.models import Video
from tests.unit.media_pipeline.builders import a_video

pytestmark = pytest.mark.django_db

FILES = {"master.m3u8": b"#EXTM3U", "video/1.m4s": b"one", "video/2.m4s": b"two"}


def a_folder(video, files=FILES):
    """A folder of output as a step leaves it."""
    into = storage.output_folder(video.pk, "film")
    for name, content in files.items():
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        (into / name).write_bytes(content)
    return into


def folder_of(video):
    return storage.film_folder(video.pk) / "output" / "film"


def content_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_a_folder_that_one_machine_keeps_is_whole_on_another(bucket, owner, move):
    video = a_video(owner)
    made = a_folder(video)
    times = {path.name: path.stat().st_mtime_ns for path in made.rglob("*.m4s")}

    video_folder.keep(made)
    move("another")
    lent = video_folder.lend(folder_of(video))

    assert content_of(lent) == FILES
    assert lent == folder_of(video)
    # The same times, so the same ETags: a player may go on at another machine.
    assert {path.name: path.stat().st_mtime_ns for path in lent.rglob("*.m4s")} == times


def test_keeping_again_sends_nothing(bucket, owner):
    made = a_folder(a_video(owner))
    video_folder.keep(made)
    before = bucket.objects()

    video_folder.keep(made)

    assert bucket.objects() == before


def test_a_folder_that_is_half_sent_is_not_there(bucket, owner, move):
    video = a_video(owner)
    video_folder.keep(a_folder(video))
    listing = next(key for key in bucket.objects() if key.endswith(".listing"))
    bucket.client("s3").delete_object(Bucket=bucket.bucket, Key=listing)
    move("another")

    assert not video_folder.is_kept(folder_of(video))
    assert not video_folder.lend(folder_of(video)).exists()
    assert not video_folder.lend(folder_of(video) / "master.m3u8").exists()


def test_a_sending_that_breaks_off_leaves_no_folder(bucket, owner):
    made = a_folder(a_video(owner))
    job = CurrentJob("id", "a.b", "media", 1, 5, "root", None, uuid4(), cancel_requested=True)

    with running(job), pytest.raises(Cancelled):
        video_folder.keep(made)

    assert bucket.objects() != []
    assert not video_folder.is_kept(made)


def test_of_two_attempts_at_a_folder_one_is_seen_and_no_mixture(bucket, owner, move):
    video = a_video(owner)
    video_folder.keep(a_folder(video, {"1.m4s": b"first", "2.m4s": b"first"}))
    listing = next(key for key in bucket.objects() if key.endswith(".listing"))
    client, place = bucket.client("s3"), {"Bucket": bucket.bucket, "Key": listing}
    of_first = client.get_object(**place)["Body"].read()
    # As if the first attempt had not come that far when the second began.
    client.delete_object(**place)
    move("another")
    video_folder.keep(a_folder(video, {"1.m4s": b"second"}))
    move("a third")
    second = content_of(video_folder.lend(folder_of(video)))
    client.put_object(**place, Body=of_first)
    move("a fourth")

    assert second == {"1.m4s": b"second"}
    assert content_of(video_folder.lend(folder_of(video))) == {"1.m4s": b"first", "2.m4s": b"first"}


def test_a_single_file_is_lent_beside_its_folder(bucket, owner, move):
    video = a_video(owner)
    video_folder.keep(a_folder(video))
    move("another")

    lent = video_folder.lend(folder_of(video) / "video/1.m4s")

    assert lent.read_bytes() == b"one"
    assert lent.name == "1.m4s"
    # A folder of that name would be taken for whole by the next step.
    assert not folder_of(video).exists()


@pytest.mark.parametrize("name", ["missing.m4s", ".listing", "../../source"])
def test_a_file_that_the_listing_does_not_name_is_not_lent(bucket, owner, move, name):
    video = a_video(owner)
    video_folder.keep(a_folder(video))
    move("another")

    assert not video_folder.lend(folder_of(video) / name).exists()


def test_asking_for_a_film_that_is_nowhere_makes_no_folder(bucket):
    assert not video_folder.lend(storage.source(uuid4())).exists()
    assert list(settings.MEDIA_FOLDER.iterdir()) == []


@pytest.mark.parametrize("below", ["", "video/1.m4s"])
def test_many_at_once_lend_without_harm(bucket, owner, move, below):
    video = a_video(owner)
    video_folder.keep(a_folder(video))
    move("another")

    with ThreadPoolExecutor(8) as pool:
        lent = set(pool.map(lambda _: video_folder.lend(folder_of(video) / below), range(8)))

    assert len(lent) == 1
    path = lent.pop()
    assert (content_of(path) if path.is_dir() else path.read_bytes()) == (b"one" if below else FILES)
    assert list(settings.MEDIA_FOLDER.rglob(".tmp-*")) == []


def test_a_source_that_came_in_elsewhere_is_lent(bucket, owner, move):
    video = a_video(owner)
    video_folder.keep_source(storage.source(video.pk), storage.source(video.pk))
    move("another")

    assert video_folder.lend(storage.source(video.pk)).read_bytes() == b"film"
    assert video_folder.is_kept(storage.source(video.pk))


def test_a_step_that_still_writes_does_not_bring_a_removed_film_back(bucket, owner):
    video = a_video(owner)
    made = a_folder(video)
    video.delete()

    with pytest.raises(Permanent):
        video_folder.keep(made)

    assert bucket.objects() == []


def test_a_folder_that_is_taken_away_is_never_kept_for_an_empty_one(bucket, owner):
    video, removed = folder_of(a_video(owner)), folder_of(a_video(owner))
    Video.objects.filter(pk=removed.parent.parent.name).delete()

    with pytest.raises(FileNotFoundError):
        video_folder.keep(video)
    with pytest.raises(Permanent):
        video_folder.keep(removed)

    assert bucket.objects() == []


def test_forgetting_counts_files_and_no_listing(bucket, owner):
    video, other = a_video(owner), a_video(owner)
    for each in (video, other):
        video_folder.keep_source(storage.source(each.pk), storage.source(each.pk))
        video_folder.keep(a_folder(each))

    first, second = (
        video_folder.forget(storage.film_folder(video.pk)),
        video_folder.forget(storage.film_folder(video.pk)),
    )

    assert (first, second) == (1 + len(FILES), 0)
    assert {key.partition("/")[0] for key in bucket.objects()} == {str(other.pk)}


def test_the_films_of_the_bucket_are_told_and_nothing_else(bucket, owner):
    video = a_video(owner)
    video_folder.keep_source(storage.source(video.pk), storage.source(video.pk))
    bucket.client("s3").put_object(Bucket=bucket.bucket, Key=".readyz/x", Body=b"x")

    assert list(video_folder.films()) == [video.pk]
    assert video_folder.changed_at(storage.film_folder(video.pk)) is not None
    assert video_folder.changed_at(settings.MEDIA_FOLDER / str(uuid4())) is None


def test_without_a_bucket_nothing_is_asked_for_and_no_client_is_loaded(owner):
    made = a_folder(a_video(owner))

    video_folder.keep(made)

    assert video_folder.lend(made / "missing") == made / "missing"
    assert video_folder.forget(made) == 0
    asked = "import sys, django; django.setup(); "
    asked += (
        "from media_pipeline.files import storage; print('boto3' in sys.modules, 'storages' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.split() == ["False", "False"]
