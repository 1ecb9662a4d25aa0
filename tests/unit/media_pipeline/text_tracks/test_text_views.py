"""`PUT` and `DELETE` of a video's text tracks from outside."""

import pytest
from django.test import Client
from knox.models import AuthToken

from celery_ledger.models import Job
from media_pipeline.models import Asset, TextChange, Video, VideoState
from tests.unit.media_pipeline.builders import a_video, an_asset

pytestmark = pytest.mark.django_db

SRT = "1\n00:00:01,000 --> 00:00:02,000\nçé\n"
VTT = "WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n"


@pytest.fixture
def video(owner):
    video = a_video(owner, VideoState.READY, duration_seconds=10.0)
    an_asset(video, "hls", "master.m3u8", "film/master.m3u8")
    an_asset(video, "dash", "manifest.mpd", "film/manifest.mpd")
    return video


def client_of(user) -> Client:
    _, token = AuthToken.objects.create(user)
    return Client(headers={"Authorization": f"Bearer {token}"})


def put(user, video, content: str | bytes = VTT, *, path="fr", content_type="text/vtt"):
    body = content.encode() if isinstance(content, str) else content
    return client_of(user).put(f"/api/videos/{video.pk}/subtitles/{path}", body, content_type=content_type)


def test_a_track_that_is_put_is_accepted_with_the_video_and_the_place_to_look(owner, video):
    answer = put(owner, video)

    assert answer.status_code == 202
    assert answer.headers["Location"] == answer.json()["status_url"]
    assert answer.json()["id"] == str(video.pk)
    change = TextChange.objects.get()
    assert (change.language, change.kind) == ("fr", "subtitles")
    assert "Hello" in change.content
    assert Job.objects.get(name="media_pipeline.change_texts").args == [str(video.pk)]


@pytest.mark.parametrize(
    "content_type",
    [
        "text/vtt",
        "application/x-subrip",
        "text/plain",
        "application/octet-stream",
        "",
        "application/x-www-form-urlencoded",
    ],
)
@pytest.mark.parametrize("content", [VTT, SRT])
def test_the_file_says_what_it_is(owner, video, content, content_type):
    assert put(owner, video, content, content_type=content_type).status_code == 202
    assert TextChange.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (SRT.encode("latin-1"), "application/x-subrip"),
        (SRT.encode("utf-16"), "text/plain"),
        (SRT.encode("utf-8-sig"), "text/plain; charset=utf-8"),
        (SRT.encode("cp500"), 'text/plain; charset="cp500"'),
    ],
)
def test_any_encoding(owner, video, content, content_type):
    assert put(owner, video, content, content_type=content_type).status_code == 202
    assert "çé" in TextChange.objects.get().content


@pytest.mark.parametrize("kind", ["subtitles", "captions", "forced"])
def test_each_kind_is_a_track_of_its_own(owner, video, kind):
    assert put(owner, video, path=f"pt-br?kind={kind}").status_code == 202
    change = TextChange.objects.get()
    assert (change.language, change.kind) == ("pt-BR", kind)


@pytest.mark.parametrize(
    ("path", "content", "refusal"),
    [
        (
            "fr",
            VTT + "\n00:05.000 --> 00:04.000\nx\n",
            ("subtitles", "Line 6: the cue ends before it starts"),
        ),
        ("fr", "", ("subtitles", "There is no cue")),
        ("fr", "no text track", ("subtitles", "Line 1: this is neither WebVTT nor SubRip")),
        ("xx-yy-zz-1", VTT, ("language", "This is not a BCP 47 language tag")),
        ("fr?kind=lyrics", VTT, ("kind", '"lyrics" is not a valid choice.')),
    ],
)
def test_what_is_wrong_is_said_by_field(owner, video, path, content, refusal):
    field, why = refusal

    answer = put(owner, video, content, path=path)

    assert answer.status_code == 400
    assert answer.json()[field][0].startswith(why)
    assert not TextChange.objects.exists()


def test_a_file_that_is_too_large_is_refused(owner, video, settings):
    settings.VIDEO_SUBTITLES_MAX_BYTES = 100

    answer = put(owner, video, VTT + "\n" * 100)

    assert (answer.status_code, answer.json()) == (413, {"detail": "The text track exceeds 100 bytes."})


def test_a_form_around_the_file_is_refused(owner, video):
    answer = put(owner, video, b"--x--", content_type="multipart/form-data; boundary=x")

    assert answer.status_code == 415


def test_a_track_is_removed(owner, video):
    an_asset(video, "subtitles", "en.forced", "subtitles/en.forced.vtt")
    url = f"/api/videos/{video.pk}/subtitles/en"

    missing = client_of(owner).delete(url)
    answer = client_of(owner).delete(f"{url}?kind=forced")

    assert (missing.status_code, answer.status_code) == (404, 202)
    change = TextChange.objects.get()
    assert (change.language, change.kind, change.content) == ("en", "forced", "")


@pytest.mark.parametrize("state", [VideoState.PROCESSING, VideoState.FAILED])
def test_a_video_that_is_not_ready_gets_409(owner, video, state):
    Video.objects.filter(pk=video.pk).update(state=state, error="It is broken.")

    answers = [put(owner, video), client_of(owner).delete(f"/api/videos/{video.pk}/subtitles/en")]

    assert [answer.status_code for answer in answers] == [409, 409]


def test_it_is_the_owners_alone(stranger, video):
    an_asset(video, "subtitles", "en", "subtitles/en.vtt")
    url = f"/api/videos/{video.pk}/subtitles/en"

    answers = [put(stranger, video), client_of(stranger).delete(url)]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert Client().put(url, VTT, content_type="text/vtt").status_code == 401
    assert not TextChange.objects.exists()


def test_warnings_and_chapters_are_shown_with_the_video(owner, video):
    warning = {"step": "storyboard", "reason": "The storyboard could not be made: it is broken"}
    Video.objects.filter(pk=video.pk).update(warnings=[warning])
    Asset.objects.create(
        video=video, kind="chapters", name="chapters.vtt", path="chapters/chapters.vtt", bytes=1
    )

    shown = client_of(owner).get(f"/api/videos/{video.pk}").json()
    (listed,) = client_of(owner).get("/api/videos").json()["results"]

    assert shown["warnings"] == listed["warnings"] == [warning]
    assert shown["outputs"]["chapters"].endswith(f"/api/videos/{video.pk}/files/chapters/chapters.vtt")
