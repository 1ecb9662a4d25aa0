from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template.loader import render_to_string
from django.utils import timezone

from media_pipeline import queries
from media_pipeline.files import storage
from media_pipeline.models import Asset, AssetKind, Chunk, Upload, Video, VideoState
from media_pipeline.uploads import resumable

pytestmark = pytest.mark.django_db
A_FILM = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"\x00" * 4096


def a_video(owner, state=VideoState.QUEUED, **fields):
    if state in (VideoState.READY, VideoState.FAILED, VideoState.CANCELLED):
        fields.setdefault("finished_at", timezone.now())
    if state == VideoState.READY:
        fields.setdefault("progress", 100)
    return queries.add_video(
        Video(
            owner=owner, state=state, title="My video", source=storage.SOURCE_NAME, root_job=uuid4(), **fields
        )
    )


@pytest.fixture
def ada(a_user):
    return a_user()


def test_an_upload_becomes_a_video_without_any_script(as_user, ada, asked_for):
    file = SimpleUploadedFile("holiday.mp4", A_FILM, "video/mp4")

    answer = as_user(ada).send("/videos/upload", {"file": file, "title": ""})

    video = Video.objects.get()
    assert answer.headers["Location"] == f"/videos/{video.pk}"
    assert (video.owner, video.title, video.source_bytes) == (ada, "holiday", len(A_FILM))
    assert len(asked_for()) == 1


def test_unfinished_uploads_are_listed_and_can_be_ended(as_user, ada, a_user):
    upload = resumable.begin(ada, 2048, "filename PGI+Lm1wNA==", timezone.now())
    theirs = resumable.begin(a_user("eve@example.org"), 2048, "", timezone.now())
    browser = as_user(ada)

    page = browser.get("/videos/upload").text
    answer = browser.send("/videos/upload", {}, f"/videos/uploads/{upload.pk}/end")
    refused = browser.send("/videos/upload", {}, f"/videos/uploads/{theirs.pk}/end")

    assert "&lt;b&gt;.mp4: 0" in page
    assert str(theirs.pk) not in page
    assert (answer.status_code, answer.headers["Location"]) == (302, "/videos/upload")
    assert refused.status_code == 404
    assert list(Upload.objects.all()) == [theirs]
    assert "Unfinished uploads" not in browser.get("/videos/upload").text


def test_what_is_no_video_is_said_at_the_field(as_user, ada):
    file = SimpleUploadedFile("notes.txt", b"just words " * 100, "text/plain")

    answer = as_user(ada).send("/videos/upload", {"file": file})

    assert answer.status_code == 400
    assert "not a video" in answer.text
    assert not Video.objects.exists()


def test_a_video_over_the_limit_is_refused_and_leaves_no_file(as_user, ada, settings):
    settings.VIDEO_MAX_BYTES = 1000

    answer = as_user(ada).send("/videos/upload", {"file": SimpleUploadedFile("big.mp4", A_FILM)})

    assert answer.status_code == 400
    assert "larger" in answer.text
    assert not Video.objects.exists()
    assert list(settings.UPLOAD_FOLDER.glob("*")) == []


def test_no_file_is_said_at_the_field(as_user, ada):
    answer = as_user(ada).send("/videos/upload", {"title": "x"})

    assert answer.status_code == 400
    assert "This field is required." in answer.text


def test_an_upload_from_another_site_is_refused(as_user, ada):
    answer = as_user(ada).post("/videos/upload", {"file": SimpleUploadedFile("a.mp4", A_FILM)})

    assert answer.status_code == 403
    assert not Video.objects.exists()


def test_a_strangers_upload_is_not_read(browser):
    answer = browser.post("/videos/upload", {"file": SimpleUploadedFile("a.mp4", A_FILM)})

    assert answer.headers["Location"] == "/login?next=/videos/upload"
    assert not Video.objects.exists()


def test_ones_own_videos_are_listed_and_no_others(as_user, ada, a_user):
    a_video(ada)
    a_video(a_user("bob@example.org"), error="Not yours")

    page = as_user(ada).get("/videos").text

    assert page.count('class="film"') == 1


def test_a_video_in_work_shows_every_step_and_where_to_listen(as_user, ada):
    video = a_video(ada, VideoState.PROCESSING, progress=40)

    page = as_user(ada).get(f"/videos/{video.pk}").text

    assert page.count("data-step=") == 8
    assert f'data-events="/api/videos/{video.pk}/events"' in page
    assert "data-final" not in page
    assert "<video" not in page


def test_a_ready_video_can_be_watched_with_captions_in_every_height(as_user, ada):
    video = a_video(ada, VideoState.READY, width=1920, height=1080)
    for kind, name, path in (
        (AssetKind.MP4, "1080", "1080.mp4"),
        (AssetKind.MP4, "720", "720.mp4"),
        (AssetKind.MP4, "360", "360.mp4"),
        (AssetKind.SUBTITLES, "en", "en.vtt"),
        (AssetKind.HLS, "hls", "master.m3u8"),
    ):
        Asset.objects.create(video=video, kind=kind, name=name, path=path, bytes=1)
    browser, files = as_user(ada), f"http://testserver/api/videos/{video.pk}/files"

    page, small = browser.get(f"/videos/{video.pk}").text, browser.get(f"/videos/{video.pk}?height=360").text

    assert f'<source src="{files}/720.mp4" type="video/mp4">' in page
    assert f'<source src="{files}/360.mp4" type="video/mp4">' in small
    assert f'<track kind="subtitles" src="{files}/en.vtt" srclang="en"' in page
    assert f'href="{files}/master.m3u8"' in page
    assert "data-final" in page


def test_a_failed_video_says_why_and_can_be_tried_again(as_user, ada):
    video = a_video(ada, VideoState.FAILED, error="The video has no picture.")
    browser = as_user(ada)

    page = browser.get(f"/videos/{video.pk}").text
    answer = browser.send(f"/videos/{video.pk}", action=f"/videos/{video.pk}/retry")

    video.refresh_from_db()
    assert "The video has no picture." in page
    assert answer.status_code == 302
    assert video.state == VideoState.QUEUED


def test_a_video_in_work_can_be_cancelled_and_a_finished_one_cannot(as_user, ada):
    video = a_video(ada, VideoState.PROCESSING)
    browser = as_user(ada)

    first = browser.send(f"/videos/{video.pk}", action=f"/videos/{video.pk}/cancel")
    second = browser.send(f"/videos/{video.pk}", action=f"/videos/{video.pk}/cancel")

    video.refresh_from_db()
    assert video.state == VideoState.CANCELLED
    assert (first.status_code, second.status_code) == (302, 409)
    assert "can be cancelled" in second.text


def test_a_video_can_be_deleted(as_user, ada):
    video = a_video(ada)

    answer = as_user(ada).send(f"/videos/{video.pk}", action=f"/videos/{video.pk}/delete")

    assert answer.headers["Location"] == "/videos"
    assert not Video.objects.exists()


@pytest.mark.parametrize("act", ["", "/cancel", "/retry", "/delete"])
def test_anothers_video_does_not_exist(as_user, ada, a_user, act):
    video = a_video(a_user("bob@example.org"))
    browser = as_user(ada)

    answer = (
        browser.send("/account", action=f"/videos/{video.pk}{act}")
        if act
        else browser.get(f"/videos/{video.pk}")
    )

    assert answer.status_code == 404
    assert Video.objects.filter(pk=video.pk).exists()


@pytest.mark.parametrize("path", ["/videos", "/videos/upload", "/account", "/account/delete"])
def test_each_page_has_one_heading_and_nothing_inline(as_user, ada, path):
    page = as_user(ada).get(path).text

    assert page.count("<h1") == 1
    assert "<style" not in page
    assert " style=" not in page
    assert "<script>" not in page


def test_what_is_encoded_so_far_can_be_watched(as_user, ada):
    video = a_video(ada, VideoState.PROCESSING, progress=40)
    browser = as_user(ada)
    before = browser.get(f"/videos/{video.pk}").text

    Chunk.objects.create(video=video, number=0, frames=1, frames_done=1)
    page = browser.get(f"/videos/{video.pk}").text

    assert 'data-preview="" data-width="" data-height="" hidden>' in before
    assert "hidden>" not in page[page.index('id="early"') :][:200]
    assert f'data-preview="http://testserver/api/videos/{video.pk}/preview/master.m3u8"' in page


@pytest.mark.parametrize("has_more", [True, False])
def test_the_page_shows_what_the_api_has_of_a_video(rf, has_more):
    warnings = [{"step": "probe", "reason": "The file ends <early>."}]
    audio = [{"language": "en", "title": "Commentary", "default": True}]
    more = {"audio": audio, "chapters": "/chapters.vtt"} if has_more else {}
    video = {"id": uuid4(), "state": "ready", "outputs": {"hls": "/master.m3u8", **more}}
    video |= {"warnings": warnings} if has_more else {}

    context = {"video": video, "is_final": True, "first": {"url": "/720.mp4", "height": 720}}
    page = render_to_string("web/video.html", context, rf.get("/"))

    assert ('<p class="note">The file ends &lt;early&gt;.</p>' in page) is has_more
    assert ("Sound, Commentary (default)" in page) is has_more
    assert ('<track kind="chapters" src="/chapters.vtt">' in page) is has_more
