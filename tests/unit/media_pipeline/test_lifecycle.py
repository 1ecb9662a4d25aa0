"""Steps begin and end, videos get ready, fail, are cancelled and retried; each run twice."""

from dataclasses import replace
from fractions import Fraction

import pytest
from django.utils import timezone

from accounts.webhooks import webhook_events
from accounts.webhooks.models import WebhookEvent
from celery_ledger.models import Job, JobError
from celery_ledger.states import JobState
from media_pipeline import lifecycle, queries
from media_pipeline.engine.plan import Plan, Sound, make_plan
from media_pipeline.errors import WrongState
from media_pipeline.models import Asset, Chunk, Step, StepName, StepState, Video, VideoState
from media_pipeline.removal.erase import delete_video
from tests.rows import a_job
from tests.unit.celery_ledger.worker import deliver
from tests.unit.media_pipeline.builders import a_film, a_planned_video, a_video

pytestmark = pytest.mark.django_db


def states_of(video: Video) -> dict[str, str]:
    return dict(Step.objects.filter(video=video).values_list("name", "state"))


def jobs_of(video: Video) -> list[str]:
    video.refresh_from_db()
    return list(Job.objects.filter(root_id=video.root_job).order_by("seq").values_list("name", flat=True))


def bury(video: Video, *, name: str, fate: str, message: str) -> None:
    """Put a dead job of the video's present run into the ledger."""
    job = Job.objects.filter(root_id=video.root_job, name=name).first()
    Job.objects.filter(pk=job.pk).update(state=JobState.DEAD, finished_at=timezone.now())
    JobError.objects.create(job=job, attempt=1, fate=fate, message=message)


@pytest.fixture
def posts_to():
    """Return a function that adds a webhook of the user's, for videos that got ready where nothing is named."""

    def add(user, *events):
        webhook, _ = webhook_events.add(
            user, "https://hooks.example.org/1", events or [WebhookEvent.VIDEO_READY]
        )
        return str(webhook.pk)

    return add


def posts() -> list[list]:
    """What the posts to webhooks were asked for with."""
    return list(Job.objects.filter(name="accounts.post_webhook").values_list("args", flat=True))


def test_a_new_film_has_one_job_that_is_the_root_of_all(owner):
    video = a_video(owner)

    lifecycle.start(video)

    assert jobs_of(video) == ["media_pipeline.probe"]
    assert Job.objects.get(root_id=video.root_job).pk == video.root_job


def test_the_first_step_makes_the_film_processing(owner):
    video = a_video(owner)

    lifecycle.begin_step(str(video.pk), StepName.PROBE)

    video.refresh_from_db()
    assert video.state == VideoState.PROCESSING
    step = Step.objects.get(video=video, name="probe")
    assert (step.state, step.attempts) == (StepState.RUNNING, 1)
    assert step.started_at is not None


@pytest.mark.parametrize("state", [VideoState.READY, VideoState.CANCELLED])
def test_a_job_of_a_film_that_is_over_has_nothing_to_do(owner, state):
    video = a_video(owner, state)

    assert lifecycle.begin_step(str(video.pk), StepName.ENCODE) is None


def test_a_step_begun_again_keeps_its_first_start(owner):
    video = a_planned_video(owner)
    lifecycle.begin_step(str(video.pk), StepName.AUDIO)
    before = Step.objects.get(video=video, name="audio").started_at

    lifecycle.begin_step(str(video.pk), StepName.AUDIO)

    assert Step.objects.get(video=video, name="audio").started_at == before


def test_the_end_of_the_probe_enqueues_everything_else_once(owner):
    video = a_video(owner)
    lifecycle.start(video)
    lifecycle.begin_step(str(video.pk), StepName.PROBE)
    film = a_film(seconds=24)

    first = lifecycle.end_probe(video, film, make_plan(film, 12))
    second = lifecycle.end_probe(video, film, make_plan(film, 12))

    assert (first, second) == (True, False)
    jobs = list(Job.objects.values_list("name", flat=True))
    assert jobs.count("media_pipeline.encode") == 2
    assert jobs.count("media_pipeline.audio") == 1
    assert jobs.count("media_pipeline.grab_thumbnails") == 1
    assert jobs.count("media_pipeline.subtitles") == 1
    assert Chunk.objects.filter(video=video).count() == 2
    video.refresh_from_db()
    assert (video.duration_seconds, video.width, video.height) == (24.0, 640, 360)
    assert Plan.from_json(video.plan) == make_plan(film, 12)


def test_a_film_without_sound_has_those_steps_done_at_once(owner):
    video = a_video(owner)
    lifecycle.start(video)
    lifecycle.begin_step(str(video.pk), StepName.PROBE)
    film = a_film(has_audio=False)

    lifecycle.end_probe(video, film, make_plan(film, 12))

    assert states_of(video)["audio"] == states_of(video)["subtitles"] == StepState.DONE
    assert not Job.objects.filter(name__in=["media_pipeline.audio", "media_pipeline.subtitles"]).exists()


def test_a_step_ended_twice_records_its_files_once(owner):
    video = a_planned_video(owner)

    def assets():
        return [Asset(video=video, kind="poster", name="poster.jpg", path="images/poster.jpg", bytes=1)]

    first = lifecycle.end_step(str(video.pk), StepName.THUMBNAILS, assets())
    second = lifecycle.end_step(str(video.pk), StepName.THUMBNAILS, assets())

    assert (first, second) == (True, False)
    assert Asset.objects.filter(video=video).count() == 1


def test_audio_tracks_that_were_left_out_are_no_longer_planned(owner):
    sound = Sound(1, "aac", "eng", Fraction(0), Fraction(24))
    film = replace(a_film(), sounds=(sound, replace(sound, stream=2), replace(sound, stream=3)))
    plan = make_plan(film)
    video = a_video(owner, VideoState.PROCESSING, film=film.as_json(), plan=plan.as_json())

    ended = [lifecycle.end_audio(str(video.pk), [plan.audio[1]]) for _ in range(2)]

    video.refresh_from_db()
    assert ended == [True, False]
    assert Plan.from_json(video.plan) == replace(plan, audio=(plan.audio[0], plan.audio[2]))
    assert Step.objects.get(video=video, name=StepName.AUDIO).state == StepState.DONE


def test_the_last_chunk_ends_the_encode_step(owner):
    video = a_planned_video(owner)

    lifecycle.end_chunk(str(video.pk), 1)
    lifecycle.end_chunk(str(video.pk), 1)
    after_one = Step.objects.get(video=video, name="encode")
    lifecycle.end_chunk(str(video.pk), 0)

    assert (after_one.state, after_one.progress) == (StepState.QUEUED, 50)
    step = Step.objects.get(video=video, name="encode")
    assert (step.state, step.progress) == (StepState.DONE, 100)


def test_a_film_becomes_ready_once(owner):
    video = a_planned_video(owner)

    first = lifecycle.become_ready(str(video.pk), 91.5, timezone.now())
    second = lifecycle.become_ready(str(video.pk), 12.0, timezone.now())

    assert (first, second) == (True, False)
    video.refresh_from_db()
    assert (video.state, video.progress, video.vmaf) == (VideoState.READY, 100, 91.5)
    assert video.finished_at is not None


def test_a_film_that_became_ready_is_told_to_its_owners_webhooks_once(owner, stranger, posts_to):
    webhook = posts_to(owner)
    posts_to(owner, WebhookEvent.VIDEO_FAILED)
    posts_to(stranger)
    video, now = a_planned_video(owner), timezone.now()

    lifecycle.become_ready(str(video.pk), 91.5, now)
    lifecycle.become_ready(str(video.pk), 12.0, timezone.now())

    about = {"id": str(video.pk), "state": "ready", "error": ""}
    assert posts() == [[webhook, "video.ready", now.isoformat().replace("+00:00", "Z"), about]]


def test_a_film_that_failed_is_told_to_its_owners_webhooks_once(owner, posts_to):
    webhook = posts_to(owner, WebhookEvent.VIDEO_FAILED)
    posts_to(owner)
    video, now = a_planned_video(owner), timezone.now()
    lifecycle.start(video)
    video.refresh_from_db()
    bury(video, name="media_pipeline.probe", fate="permanent", message="There is no picture in this file.")

    lifecycle.fail(str(video.pk), now)
    lifecycle.fail(str(video.pk), timezone.now())

    about = {"id": str(video.pk), "state": "failed", "error": "There is no picture in this file."}
    assert posts() == [[webhook, "video.failed", now.isoformat().replace("+00:00", "Z"), about]]


def test_a_film_that_is_cancelled_is_told_to_nobody(owner, posts_to):
    posts_to(owner, *WebhookEvent)
    video = a_planned_video(owner)

    lifecycle.cancel(video.pk, timezone.now())

    assert posts() == []


@pytest.mark.django_db(transaction=True)
def test_what_a_film_came_to_is_told_also_where_it_is_deleted_next(owner, posts_to):
    posts_to(owner, WebhookEvent.VIDEO_FAILED)
    video = a_planned_video(owner)
    a_job(id=video.root_job, name="media_pipeline.fail_video", queue="media", args=[str(video.pk)])
    deliver(video.root_job)

    delete_video(video.pk)

    assert Job.objects.get(name="accounts.post_webhook").state == JobState.QUEUED


def test_a_cancelled_film_does_not_become_ready(owner):
    video = a_planned_video(owner)
    lifecycle.cancel(video.pk, timezone.now())

    assert lifecycle.become_ready(str(video.pk), None, timezone.now()) is False

    video.refresh_from_db()
    assert video.state == VideoState.CANCELLED


def test_the_owner_reads_why_a_film_can_never_be_processed(owner):
    video = a_video(owner)
    lifecycle.start(video)
    video.refresh_from_db()
    bury(video, name="media_pipeline.probe", fate="permanent", message="There is no picture in this file.")

    first = lifecycle.fail(str(video.pk), timezone.now())
    second = lifecycle.fail(str(video.pk), timezone.now())

    assert (first, second) == (True, False)
    video.refresh_from_db()
    assert (video.state, video.error) == (VideoState.FAILED, "There is no picture in this file.")
    assert states_of(video)["probe"] == StepState.FAILED
    assert states_of(video)["encode"] == StepState.CANCELLED


def test_the_owner_does_not_read_our_bugs(owner):
    video = a_video(owner)
    lifecycle.start(video)
    video.refresh_from_db()
    bury(video, name="media_pipeline.probe", fate="bug", message="KeyError: secret")

    lifecycle.fail(str(video.pk), timezone.now())

    video.refresh_from_db()
    assert video.error == lifecycle.OUR_FAULT


def test_a_failed_film_has_no_job_left_to_run(owner):
    video = a_video(owner)
    lifecycle.start(video)
    lifecycle.begin_step(str(video.pk), StepName.PROBE)
    film = a_film()
    lifecycle.end_probe(video, film, make_plan(film, 12))
    video.refresh_from_db()

    lifecycle.fail(str(video.pk), timezone.now())

    assert not queries.unfinished_jobs(video.root_job).exists()


def test_cancelling_stops_every_job_of_the_film(owner):
    video = a_video(owner)
    lifecycle.start(video)
    video.refresh_from_db()

    lifecycle.cancel(video.pk, timezone.now())

    assert not queries.unfinished_jobs(video.root_job).exists()
    assert set(states_of(video).values()) == {StepState.CANCELLED}


@pytest.mark.parametrize("state", [VideoState.READY, VideoState.FAILED, VideoState.CANCELLED])
def test_only_what_is_under_way_can_be_cancelled(owner, state):
    video = a_video(owner, state)

    with pytest.raises(WrongState):
        lifecycle.cancel(video.pk, timezone.now())


@pytest.mark.parametrize("state", [VideoState.READY, VideoState.QUEUED, VideoState.PROCESSING])
def test_only_what_failed_or_was_cancelled_can_be_retried(owner, state):
    video = a_video(owner, state)

    with pytest.raises(WrongState):
        lifecycle.retry(video.pk)


def test_a_retry_is_a_new_run_that_keeps_what_is_done(owner):
    video = a_planned_video(owner, progress=40)
    lifecycle.end_chunk(str(video.pk), 0)
    lifecycle.end_step(str(video.pk), StepName.AUDIO)
    lifecycle.cancel(video.pk, timezone.now())
    old_root = video.root_job

    lifecycle.retry(video.pk)

    video.refresh_from_db()
    assert video.state == VideoState.QUEUED
    assert video.root_job != old_root
    assert video.progress >= 40
    assert states_of(video)["audio"] == StepState.DONE
    assert states_of(video)["encode"] == states_of(video)["probe"] == StepState.QUEUED
    assert queries.undone_chunks(video.pk).count() == 1


def test_a_film_whose_upload_was_erased_cannot_be_retried(owner):
    video = a_video(owner, VideoState.FAILED, source="")

    with pytest.raises(WrongState):
        lifecycle.retry(video.pk)


def test_a_dead_job_retried_by_hand_starts_the_film_again(owner):
    video = a_video(owner, VideoState.FAILED)

    assert lifecycle.begin_step(str(video.pk), StepName.PROBE) is None

    video.refresh_from_db()
    assert video.state == VideoState.QUEUED
    assert jobs_of(video) == ["media_pipeline.probe"]
