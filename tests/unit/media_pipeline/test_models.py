"""What must hold whatever the code does: try to break it."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from media_pipeline import queries
from media_pipeline.models import FINAL_STATES, TRANSITIONS, Chunk, Step, Upload, Video, VideoState
from tests.unit.media_pipeline.builders import a_resumable_upload, a_video, an_asset

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("constraint", "broken"),
    [
        ("video_state_known", {"state": "lost"}),
        ("video_progress_percent", {"progress": 101}),
        ("video_ready_is_finished", {"state": "ready", "progress": 100, "finished_at": None}),
        ("video_ready_is_finished", {"state": "ready", "progress": 99}),
        ("video_failed_says_why", {"state": "failed", "error": ""}),
    ],
)
def test_a_row_that_contradicts_itself_is_refused(owner, constraint, broken):
    video = a_video(owner)

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Video.objects.filter(pk=video.pk).update(**broken)


@pytest.mark.parametrize(
    ("constraint", "broken"),
    [
        ("upload_offset_within_length", {"offset_bytes": 101}),
        ("upload_used_when_whole", {"used_at": timezone.now()}),
        ("upload_expires_after_it_began", {"expires_at": F("created_at")}),
    ],
)
def test_an_upload_that_contradicts_itself_is_refused(owner, constraint, broken):
    upload = a_resumable_upload(owner, b"x", 100)

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Upload.objects.filter(pk=upload.pk).update(**broken)


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        ("", ""),
        ("filename", ""),
        ("filename ZmlsbcOpLm1wNA==", "filmé.mp4"),
        ("type eA==, filename YQ==", "a"),
        ("name YQ==", "a"),
        ("name YQ==,filename Yg==", "b"),
        ("filename /w==", "ÿ"),
        ("filename gQ==", "\ufffd"),
    ],
)
def test_an_upload_knows_what_its_client_called_the_file(metadata, name):
    assert Upload(metadata=metadata).file_name == name


def test_a_step_is_there_once_a_film(owner):
    video = a_video(owner)

    with pytest.raises(IntegrityError, match="step_once_a_video"), transaction.atomic():
        Step.objects.create(video=video, name="encode")


def test_a_file_is_recorded_once(owner):
    video = a_video(owner)
    an_asset(video, "mp4", "360", "film/360.mp4")

    with pytest.raises(IntegrityError, match="asset_once_a_video"), transaction.atomic():
        an_asset(video, "mp4", "360", "film/other.mp4")


def test_no_chunk_has_more_frames_done_than_there_are(owner):
    video = a_video(owner)

    with pytest.raises(IntegrityError, match="chunk_done_within_frames"), transaction.atomic():
        Chunk.objects.create(video=video, number=0, frames=5, frames_done=6)


@pytest.mark.parametrize("before", VideoState)
@pytest.mark.parametrize("after", VideoState)
def test_a_film_moves_only_as_the_table_says(owner, before, after):
    video = a_video(owner, before)

    moved = queries.move(video.pk, after, progress=100, finished_at=video.created_at, error="why")

    video.refresh_from_db()
    assert moved == (after in TRANSITIONS[before])
    assert video.state == (after if moved else before)


def test_nothing_but_a_retry_leaves_a_final_state():
    for state in FINAL_STATES:
        assert TRANSITIONS[state] <= {VideoState.QUEUED}
