"""What one user may have of videos; others are not concerned, and none lifts each limit."""

import pytest
from django.test import Client
from django.utils import timezone

from media_pipeline import lifecycle
from media_pipeline.errors import QuotaUsedUp, TooManyVideos
from media_pipeline.models import Video, VideoState
from media_pipeline.uploads import acceptance
from tests.unit.media_pipeline.builders import a_resumable_upload, an_upload

pytestmark = pytest.mark.django_db
FILM = b"\x00\x00\x00\x18ftypisom" + b"\x00" * 64


def accept(owner):
    return acceptance.accept(owner, an_upload(FILM), "", None)


def finish(video, state=VideoState.CANCELLED):
    Video.objects.filter(pk=video.pk).update(state=state, finished_at=timezone.now())


def test_only_so_many_videos_of_a_user_are_under_way(owner, stranger, settings):
    settings.VIDEOS_UNFINISHED_PER_USER = 2
    first = accept(owner)
    accept(owner)

    with pytest.raises(TooManyVideos, match="2 of your videos"):
        accept(owner)

    accept(stranger)
    finish(first)
    accept(owner)
    with pytest.raises(TooManyVideos):
        lifecycle.retry(first.pk)


def test_only_so_many_videos_of_a_user_are_kept(owner, stranger, settings):
    settings.VIDEOS_PER_USER = 1
    video = accept(owner)
    finish(video)

    with pytest.raises(QuotaUsedUp, match="the maximum is 1"):
        accept(owner)

    accept(stranger)
    video.delete()
    accept(owner)


def test_only_so_many_bytes_of_a_user_are_kept(owner, settings):
    settings.VIDEO_BYTES_PER_USER = 2 * len(FILM)
    accept(owner)
    accept(owner)

    with pytest.raises(QuotaUsedUp, match=f"exceed your {2 * len(FILM)}"):
        accept(owner)


def test_a_resumable_upload_over_quota_is_refused_and_can_be_used_later(owner, settings):
    settings.VIDEOS_UNFINISHED_PER_USER = 1
    first = accept(owner)
    upload = a_resumable_upload(owner, FILM)

    with pytest.raises(TooManyVideos):
        acceptance.accept_resumed(owner, upload.pk, "", None, timezone.now())

    finish(first)
    acceptance.accept_resumed(owner, upload.pk, "", None, timezone.now())


def test_none_lifts_the_limits(owner, settings):
    settings.VIDEOS_UNFINISHED_PER_USER = settings.VIDEOS_PER_USER = settings.VIDEO_BYTES_PER_USER = None

    assert accept(owner)
    assert accept(owner)


def test_a_client_over_quota_is_told_what_is_the_matter(owner, settings, client: Client):
    settings.VIDEOS_UNFINISHED_PER_USER = 0
    client.force_login(owner)

    answer = client.post("/api/videos", {"file": an_upload(FILM)})

    assert answer.status_code == 429
    assert "0 of your videos are being processed" in answer.json()["detail"]
    assert answer.headers["Retry-After"] == "60"
