"""Progress: weighed, paced, never falling."""

import pytest

from celery_ledger.current import CurrentJob, running
from celery_ledger.errors import Cancelled
from media_pipeline.models import Chunk, Step, StepName, Video
from media_pipeline.progress import progress
from tests.unit.media_pipeline.builders import a_planned_video

pytestmark = pytest.mark.django_db


def of(video: Video) -> int:
    return Video.objects.values_list("progress", flat=True).get(pk=video.pk)


def test_all_steps_together_are_the_whole():
    assert progress.weighed(dict.fromkeys(StepName, 100)) == 100
    assert set(progress.WEIGHTS) == set(StepName)


def test_it_rises_with_its_steps_and_never_falls(owner):
    video = a_planned_video(owner)
    seen = []

    for share in (0.2, 0.8, 0.5, 0.8, 0.0, 0.9):
        progress.record(video.pk, StepName.ENCODE, share)
        seen.append(of(video))

    assert seen == sorted(seen)
    assert Step.objects.get(video=video, name="encode").progress == 90


def test_it_stays_below_a_hundred_until_the_film_is_ready(owner):
    video = a_planned_video(owner)
    Step.objects.filter(video=video).update(progress=100)

    progress.refresh(video.pk)

    assert of(video) == 99


def test_chunks_of_many_workers_add_up(owner):
    video = a_planned_video(owner, seconds=24)

    progress.record_chunk(video.pk, 0, 0.5)
    progress.record_chunk(video.pk, 1, 0.5)

    assert Step.objects.get(video=video, name="encode").progress == 50


def test_a_chunk_never_falls_and_is_not_done_before_it_is_kept(owner):
    video = a_planned_video(owner)

    progress.record_chunk(video.pk, 0, 1.0)
    progress.record_chunk(video.pk, 0, 0.1)

    chunk = Chunk.objects.get(video=video, number=0)
    assert chunk.frames_done == chunk.frames - 1


def test_it_writes_at_most_about_once_a_second(owner, django_assert_max_num_queries):
    video = a_planned_video(owner)
    report = progress.reporter(video.pk, StepName.AUDIO)
    report(0.01)

    with django_assert_max_num_queries(0):
        for percent in range(2, 90):
            report(percent / 100)


def test_each_report_asks_whether_to_stop(owner):
    video = a_planned_video(owner)
    report = progress.reporter(video.pk, StepName.AUDIO)
    job = CurrentJob(
        id="1",
        name="x",
        queue="media",
        attempt=1,
        max_attempts=5,
        root_id="1",
        request_id=None,
        token=video.pk,
    )
    job.cancel_requested = True

    with running(job), pytest.raises(Cancelled):
        report(0.5)


def test_an_announcement_waits_for_the_commit(owner, django_capture_on_commit_callbacks):
    video = a_planned_video(owner)

    with django_capture_on_commit_callbacks() as waiting:
        progress.record(video.pk, StepName.AUDIO, 0.5)

    assert len(waiting) == 1
