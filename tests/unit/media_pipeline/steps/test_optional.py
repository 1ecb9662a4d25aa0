"""What is optional never fails a video: it is left out, once, and the video's warnings say which part and why."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from celery_ledger.current import CurrentJob, running
from celery_ledger.errors import Permanent, Transient
from celery_ledger.models import Job
from celery_ledger.settling.rescue import rescue
from celery_ledger.states import JobState
from media_pipeline import lifecycle, tasks
from media_pipeline.engine.plan import make_plan
from media_pipeline.engine.unforeseen import FOR_THE_OWNER
from media_pipeline.models import Step, StepName, StepState, Video, VideoState
from media_pipeline.steps import finish as finish_step
from media_pipeline.steps import storyboard as storyboard_step
from media_pipeline.steps.optional import UNFORESEEN, left_out_on_failure
from tests.rows import an_error
from tests.unit.celery_ledger.worker import deliver, publish
from tests.unit.media_pipeline.builders import a_film, a_planned_video, a_video, an_asset

pytestmark = pytest.mark.django_db

WARNING = {"step": "storyboard", "reason": "The storyboard could not be made: it is broken"}


def warnings_of(video: Video) -> list[dict]:
    video.refresh_from_db()
    return video.warnings


def state_of(video: Video, name: str) -> str:
    return Step.objects.get(video=video, name=name).state


def a_running_video(owner, **film) -> Video:
    """A video whose probe is done and whose jobs are enqueued."""
    video = a_video(owner)
    lifecycle.start(video)
    lifecycle.begin_step(str(video.pk), StepName.PROBE)
    found = a_film(**film)
    lifecycle.end_probe(video, found, make_plan(found, 12))
    video.refresh_from_db()
    # Enqueued outside of the probe's job, they are no members of its family yet.
    Job.objects.exclude(pk=video.root_job).update(root_id=video.root_job)
    return video


def job_of(video: Video, name: str) -> Job:
    return Job.objects.get(root_id=video.root_job, name=f"media_pipeline.{name}")


def bury(job: Job, *, fate: str, message: str = "no") -> None:
    Job.objects.filter(pk=job.pk).update(state=JobState.DEAD, finished_at=timezone.now())
    an_error(job, fate, message=message)


def in_attempt(video: Video, number: int) -> CurrentJob:
    return CurrentJob(
        id=str(uuid4()),
        name="media_pipeline.storyboard",
        queue="media",
        attempt=number,
        max_attempts=5,
        root_id=str(video.root_job),
        request_id=None,
        token=uuid4(),
    )


def fail_in(video: Video, error: Exception, attempt: int) -> None:
    with running(in_attempt(video, attempt)), left_out_on_failure(str(video.pk), StepName.STORYBOARD):
        raise error


def test_a_part_that_can_never_be_made_is_left_out_once(owner):
    video = a_planned_video(owner)

    fail_in(video, Permanent("it is broken"), attempt=1)
    fail_in(video, Permanent("it is broken"), attempt=2)

    assert warnings_of(video) == [WARNING]
    assert video.state == VideoState.PROCESSING
    assert state_of(video, "storyboard") == StepState.FAILED


def test_a_reason_about_the_whole_video_is_told_of_the_part(owner):
    video = a_planned_video(owner)

    fail_in(video, Permanent(FOR_THE_OWNER), attempt=1)

    assert warnings_of(video)[0]["reason"].endswith(UNFORESEEN)


def test_a_part_that_may_succeed_later_is_tried_until_the_last_attempt(owner):
    video = a_planned_video(owner)

    with pytest.raises(Transient):
        fail_in(video, Transient("the disk is full"), attempt=4)
    before = warnings_of(video)
    fail_in(video, Transient("the disk is full"), attempt=5)

    assert before == []
    assert warnings_of(video) == [
        {
            "step": "storyboard",
            "reason": "The storyboard could not be made: Something went wrong on our side.",
        }
    ]


def test_a_part_that_was_left_out_has_nothing_more_to_do(owner):
    video = a_planned_video(owner)
    lifecycle.leave_out(str(video.pk), StepName.THUMBNAILS, "it is broken")

    begun = lifecycle.begin_step(str(video.pk), StepName.THUMBNAILS)
    ended = lifecycle.end_step(str(video.pk), StepName.THUMBNAILS)

    assert (begun, ended) == (None, False)
    assert state_of(video, "thumbnails") == StepState.FAILED


@pytest.mark.parametrize("name", ["storyboard", "grab_thumbnails", "process_thumbnails", "subtitles"])
def test_the_job_of_a_part_that_fails_succeeds(owner, name):
    """The source of this video is no video: each step's program refuses it."""
    video = a_running_video(owner, seconds=2)

    getattr(tasks, name)(str(video.pk))

    assert len(warnings_of(video)) == 1
    assert video.state == VideoState.PROCESSING


def test_a_step_that_is_not_optional_still_fails(owner):
    video = a_running_video(owner, seconds=2)

    with pytest.raises(Permanent):
        tasks.audio(str(video.pk))


def test_a_video_becomes_ready_without_the_parts(owner):
    video = a_planned_video(owner)
    lifecycle.leave_out(str(video.pk), StepName.STORYBOARD, "it is broken")

    lifecycle.become_ready(str(video.pk), 90.0, timezone.now())
    lifecycle.become_ready(str(video.pk), 90.0, timezone.now())

    assert warnings_of(video) == [WARNING]
    assert (video.state, video.progress) == (VideoState.READY, 100)


def test_a_quality_that_cannot_be_measured_is_a_warning(owner):
    video = a_planned_video(owner)

    lifecycle.become_ready(str(video.pk), None, timezone.now())
    lifecycle.become_ready(str(video.pk), None, timezone.now())

    assert warnings_of(video) == [{"step": "finish", "reason": lifecycle.NOT_MEASURED}]


def test_what_the_probe_found_is_told_once(owner):
    video = a_video(owner)
    lifecycle.start(video)
    film = a_film(warnings=("It is cut off after 3 of 9 seconds.",))
    for _ in range(2):
        lifecycle.begin_step(str(video.pk), StepName.PROBE)
        Step.objects.filter(video=video, name="probe").update(state=StepState.RUNNING)
        lifecycle.end_probe(video, film, make_plan(film, 12))

    assert warnings_of(video) == [{"step": "probe", "reason": "It is cut off after 3 of 9 seconds."}]


@pytest.mark.parametrize("name", ["storyboard", "subtitles"])
@pytest.mark.parametrize("fate", ["lost", "timeout", "bug"])
def test_the_run_goes_on_without_a_part_whose_job_is_dead(owner, name, fate):
    video = a_running_video(owner)
    old_root = video.root_job
    if name == "storyboard":
        Job.objects.filter(root_id=old_root, name="media_pipeline.grab_thumbnails").update(
            name="media_pipeline.storyboard"
        )
    bury(job_of(video, name), fate=fate, message="KeyError: secret")

    first = lifecycle.fail(str(video.pk), timezone.now())

    assert first is False
    assert len(warnings_of(video)) == 1
    assert "secret" not in str(video.warnings)
    assert video.state == VideoState.PROCESSING
    assert video.root_job != old_root
    assert state_of(video, name) == StepState.FAILED
    open_jobs = Job.objects.exclude(state__in=[JobState.DEAD, JobState.CANCELLED])
    assert [job.name for job in open_jobs] == ["media_pipeline.probe"]


def test_a_part_that_dies_in_the_run_without_it_fails_the_video(owner):
    """Its job has nothing to do there: whatever kills it is not the part."""
    video = a_running_video(owner)
    bury(job_of(video, "subtitles"), fate="lost")
    lifecycle.fail(str(video.pk), timezone.now())
    video.refresh_from_db()
    lifecycle.begin_step(str(video.pk), StepName.PROBE)
    film = a_film()
    lifecycle.end_probe(video, film, make_plan(film, 12))
    Job.objects.filter(state=JobState.QUEUED).update(root_id=video.root_job)
    bury(job_of(video, "subtitles"), fate="lost")

    lifecycle.fail(str(video.pk), timezone.now())

    video.refresh_from_db()
    assert video.state == VideoState.FAILED


def test_a_dead_part_does_not_hide_a_dead_step_that_is_needed(owner):
    video = a_running_video(owner)
    bury(job_of(video, "audio"), fate="permanent", message="the sound is broken")
    bury(job_of(video, "subtitles"), fate="permanent", message="no text")

    lifecycle.fail(str(video.pk), timezone.now())

    video.refresh_from_db()
    assert (video.state, video.error) == (VideoState.FAILED, "the sound is broken")
    assert state_of(video, "audio") == StepState.FAILED


def test_a_measurement_that_kills_its_worker_is_left_out(owner):
    video = a_planned_video(owner)
    job = Job.objects.create(
        name="media_pipeline.finish", queue="media", max_attempts=5, root_id=video.root_job
    )
    bury(job, fate="lost")

    lifecycle.fail(str(video.pk), timezone.now())

    assert [warning["step"] for warning in warnings_of(video)] == ["finish"]
    assert state_of(video, "finish") == StepState.QUEUED
    assert lifecycle.is_warned_of(video, StepName.FINISH)
    lifecycle.become_ready(str(video.pk), None, timezone.now())
    assert len(warnings_of(video)) == 1


def test_what_killed_its_worker_is_not_measured_again(owner, monkeypatch):
    def measured(*_):
        raise AssertionError

    monkeypatch.setattr(finish_step, "measure_vmaf", measured)
    video = a_planned_video(owner)
    an_asset(video, "mp4", "360", "film/360.mp4")
    lifecycle.leave_out(str(video.pk), StepName.FINISH, "it is too long")

    tasks.finish(str(video.pk))

    assert len(warnings_of(video)) == 1
    assert (video.state, video.vmaf) == (VideoState.READY, None)
    assert state_of(video, "finish") == StepState.DONE


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_dies_over_a_part_five_times_does_not_fail_the_video(owner, settings):
    """Killed each time: no line of the step's own runs after it. Rescuer, chord and errback do what they do."""
    video = a_running_video(owner)
    job = job_of(video, "subtitles")
    for attempt in range(1, 6):
        publish("speech")
        Job.objects.filter(pk=job.pk).update(
            state=JobState.RUNNING,
            claim_token=uuid4(),
            lease_until=timezone.now() - timedelta(seconds=1),
            attempts=attempt,
            worker="w@host/1",
            published_at=timezone.now(),
        )
        rescue()
        job.refresh_from_db()
    errback = Job.objects.get(name="media_pipeline.fail_video", state=JobState.QUEUED)

    deliver(errback.pk)

    assert job.state == JobState.DEAD
    assert [warning["step"] for warning in warnings_of(video)] == ["subtitles"]
    assert video.state == VideoState.PROCESSING
    again = Job.objects.get(root_id=video.root_job)
    assert (again.name, again.state) == ("media_pipeline.probe", JobState.QUEUED)


def test_a_retry_of_the_video_tries_the_part_again(owner):
    video = a_planned_video(owner)
    lifecycle.leave_out(str(video.pk), StepName.STORYBOARD, "it is broken")
    lifecycle.cancel(video.pk, timezone.now())

    lifecycle.retry(video.pk)

    assert warnings_of(video) == []
    assert state_of(video, "storyboard") == StepState.QUEUED


def test_a_bug_in_a_part_is_tried_again_as_ever(owner, monkeypatch):
    def broken(*_):
        raise RuntimeError

    monkeypatch.setattr(storyboard_step, "make_storyboard", broken)
    video = a_running_video(owner, seconds=2)

    with pytest.raises(RuntimeError):
        tasks.storyboard(str(video.pk))

    assert warnings_of(video) == []
