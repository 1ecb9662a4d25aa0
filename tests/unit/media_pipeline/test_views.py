"""The video API from outside: shapes, states, and that everything is the owner's alone."""

from base64 import b64encode
from dataclasses import replace
from fractions import Fraction
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from knox.models import AuthToken

from accounts.models import Project
from media_pipeline.engine.plan import Sound, make_plan
from media_pipeline.files import storage
from media_pipeline.models import StepName, Video, VideoState
from tests.unit.media_pipeline.builders import a_film, a_resumable_upload, a_video, an_asset

pytestmark = pytest.mark.django_db

UNKNOWN = "0b7e6e1c-5f0e-4d0c-9a55-3c2f6a1d9e10"
FAMILY = "👩\u200d👩\u200d👧"
WALES = "\N{WAVING BLACK FLAG}" + "".join(chr(0xE0000 + ord(c)) for c in "gbwls") + "\U000e007f"
FILM = b"\x00\x00\x00\x18ftypisom" + b"\x00" * 64


def client_of(user) -> Client:
    _, token = AuthToken.objects.create(user)
    return Client(headers={"Authorization": f"Bearer {token}"})


def upload(client: Client, content: bytes = FILM, headers=None, **fields):
    return client.post(
        "/api/videos", {"file": SimpleUploadedFile("a clip.mp4", content), **fields}, headers=headers or {}
    )


def test_an_upload_is_accepted_with_the_place_to_look(owner):
    client = client_of(owner)

    answer = upload(client, title="Holiday")

    body = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == body["status_url"] == f"http://testserver/api/videos/{body['id']}"
    shown = client.get(body["status_url"]).json()
    assert shown == body
    assert list(shown) == [
        *("id", "title", "project", "state", "progress", "error", "created_at", "finished_at"),
        *("duration", "width", "height", "steps", "warnings", "playable", "preview", "outputs", "status_url"),
    ]
    assert (shown["state"], shown["progress"], shown["title"]) == ("queued", 0, "Holiday")
    assert [step["name"] for step in shown["steps"]] == list(StepName)
    assert list(shown["steps"][0]) == ["name", "state", "progress", "attempts", "started_at", "finished_at"]


def test_an_upload_without_a_title_bears_its_files_name(owner):
    assert upload(client_of(owner)).json()["title"] == "a clip"


@pytest.mark.parametrize(
    ("file_name", "title"),
    [
        ("Café à Zürich.mp4".encode("latin-1"), "Café à Zürich"),
        ("“Ferien”.mp4".encode("cp1252"), "“Ferien”"),
        ("Café.mp4".encode(), "Café"),
        ("休暇.mp4".encode("shift_jis"), "\u2039x‰É"),
        (f"{FAMILY} trip.mp4".encode(), f"{FAMILY} trip"),
        (f"{WALES}.mp4".encode(), WALES),
        ("می\u200cخ.mp4".encode(), "می\u200cخ"),
        ("a\u202efdp.mp4".encode(), "afdp"),
        ("\u200d.mp4".encode(), ""),
        (b"C:\\films\\B\xe4r.mp4", "Bär"),
    ],
)
def test_a_file_name_in_any_encoding_becomes_the_title(owner, file_name, title):
    head = (
        b'Content-Disposition: form-data; name="file"; filename="'
        + file_name
        + b'"\r\nContent-Type: video/mp4'
    )
    body = b"--b\r\n" + head + b"\r\n\r\n" + FILM + b"\r\n--b--\r\n"

    answer = client_of(owner).generic("POST", "/api/videos", body, "multipart/form-data; boundary=b")

    assert answer.status_code == 202, answer.text
    assert answer.json()["title"] == title
    assert storage.source(answer.json()["id"]).read_bytes() == FILM


def test_the_name_of_a_resumable_upload_in_latin_1_becomes_the_title(owner):
    name = b64encode("Bär.mp4".encode("latin-1")).decode()
    upload = a_resumable_upload(owner, FILM, metadata=f"filename {name}")

    answer = client_of(owner).post("/api/videos", {"upload": str(upload.pk)}, "application/json")

    assert answer.json()["title"] == "Bär"


def test_an_upload_into_a_project(owner):
    project = Project.objects.create(owner=owner, name="Mine")

    answer = upload(client_of(owner), project=str(project.pk))

    assert answer.json()["project"] == str(project.pk)


@pytest.mark.parametrize(
    ("content", "why"), [(b"", "empty"), (b"words and words", "text"), (b"\x89PNG\r\n\x1a\n\x00", "picture")]
)
def test_what_is_no_film_gets_400_at_the_field(owner, content, why):
    answer = upload(client_of(owner), content)

    assert answer.status_code == 400
    assert why in answer.json()["file"][0]
    assert not Video.objects.exists()
    assert list(settings.UPLOAD_FOLDER.iterdir()) == []


def test_an_accepted_upload_is_in_the_bucket(bucket, owner):
    video_id = upload(client_of(owner)).json()["id"]

    assert bucket.objects() == [f"{video_id}/source"]


@pytest.mark.parametrize("is_resumed", [False, True])
def test_while_the_bucket_is_away_an_upload_is_refused_for_now_and_nothing_is_left(bucket, owner, is_resumed):
    client, resumed = client_of(owner), a_resumable_upload(owner, FILM)
    bucket.kill()

    def send():
        if not is_resumed:
            return upload(client)
        return client.post("/api/videos", {"upload": str(resumed.pk)}, content_type="application/json")

    refused, left = send(), list(settings.MEDIA_FOLDER.glob("[!.]*"))
    videos = Video.objects.count()
    bucket.start()
    accepted = send()

    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert "store of files" in refused.json()["detail"]
    assert (left, videos) == ([], 0)
    assert accepted.status_code == 202
    assert bucket.objects() == [f"{accepted.json()['id']}/source"]


def test_an_upload_without_a_film_gets_400(owner):
    answer = client_of(owner).post("/api/videos", {"title": "x"})

    assert answer.status_code == 400
    assert "file" in answer.json()


def test_an_upload_over_the_limit_gets_400(owner, settings):
    settings.VIDEO_MAX_BYTES = 50

    answer = upload(client_of(owner))

    assert answer.status_code == 400
    assert "larger than the 50 bytes" in answer.json()["file"][0]


@pytest.mark.parametrize("project", ["not-an-id", UNKNOWN])
def test_an_unknown_project_gets_400(owner, project):
    answer = upload(client_of(owner), project=project)

    assert answer.status_code == 400
    assert "project" in answer.json()
    assert list(settings.MEDIA_FOLDER.iterdir()) == []


def test_the_same_key_makes_one_film(owner):
    client = client_of(owner)

    first = upload(client, headers={"Idempotency-Key": "k1"})
    second = upload(client, headers={"Idempotency-Key": "k1"})

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert Video.objects.count() == 1
    assert list(settings.UPLOAD_FOLDER.iterdir()) == []


def test_the_session_cookie_of_the_pages_works_with_a_csrf_token(owner):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)

    refused = upload(client)
    client.cookies["csrftoken"] = token = "a" * 32
    accepted = upload(client, headers={"X-CSRFToken": token})

    assert (refused.status_code, accepted.status_code) == (403, 202)


def use(client: Client, headers=None, **fields):
    return client.post("/api/videos", fields, content_type="application/json", headers=headers or {})


def test_a_resumable_upload_is_accepted_like_a_file(owner):
    client, project = client_of(owner), Project.objects.create(owner=owner, name="Mine")
    resumed = a_resumable_upload(owner, FILM, metadata="filename YSBjbGlwLm1wNA==")

    answer = use(client, upload=str(resumed.pk), project=str(project.pk))

    body = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == body["status_url"]
    assert (body["title"], body["project"], body["state"]) == ("a clip", str(project.pk), "queued")
    assert list(body) == list(upload(client).json())


def test_a_resumable_upload_may_be_given_a_title(owner):
    resumed = a_resumable_upload(owner, FILM, metadata="filename YSBjbGlwLm1wNA==")

    assert use(client_of(owner), upload=str(resumed.pk), title="Holiday").json()["title"] == "Holiday"


def test_a_resumable_upload_is_used_once_and_a_key_repeats_the_answer(owner):
    client, resumed = client_of(owner), a_resumable_upload(owner, FILM)

    first = use(client, upload=str(resumed.pk), headers={"Idempotency-Key": "k"})
    again = use(client, upload=str(resumed.pk), headers={"Idempotency-Key": "k"})
    other = use(client, upload=str(resumed.pk))

    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 409)
    assert again.json() == first.json()
    assert "already" in other.json()["detail"]
    assert Video.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({}, "upload"),
        ({"upload": "no-id"}, "upload"),
        ({"upload": str(uuid4())}, "upload"),
        ({"upload": None}, "upload"),
        ({"upload": str(uuid4()), "title": "x\0"}, "title"),
        ({"upload": str(uuid4()), "title": 5}, "title"),
        ({"upload": str(uuid4()), "project": "x"}, "project"),
    ],
)
def test_an_upload_that_is_none_gets_400_at_the_field(owner, fields, at_fault):
    answer = use(client_of(owner), **fields)

    assert answer.status_code == 400
    assert at_fault in answer.json()


def test_an_upload_that_is_not_whole_gets_409(owner):
    answer = use(client_of(owner), upload=str(a_resumable_upload(owner, FILM, 1000).pk))

    assert answer.status_code == 409
    assert "of the upload's 1000 bytes" in answer.json()["detail"]


def test_a_resumable_upload_is_its_owners_alone(owner, stranger):
    resumed = a_resumable_upload(owner, FILM)

    assert use(client_of(stranger), upload=str(resumed.pk)).status_code == 400
    assert use(Client(), upload=str(resumed.pk)).status_code == 401
    assert not Video.objects.exists()


def test_a_body_that_is_neither_form_nor_json_gets_415(owner):
    assert client_of(owner).post("/api/videos", b"x", content_type="video/mp4").status_code == 415


def test_the_list_is_newest_first_and_ones_own(owner, stranger):
    a_video(stranger)
    videos = [a_video(owner, title=str(number)) for number in range(3)]

    body = client_of(owner).get("/api/videos", {"page_size": 2}).json()

    assert [each["id"] for each in body["results"]] == [str(video.pk) for video in videos[:0:-1]]
    assert body["previous"] is None
    rest = client_of(owner).get(body["next"]).json()
    assert [each["id"] for each in rest["results"]] == [str(videos[0].pk)]


def test_the_list_asks_the_database_as_often_for_many_as_for_one(owner, django_assert_max_num_queries):
    for number in range(5):
        an_asset(a_video(owner, VideoState.READY), "mp4", "360", f"film/{number}.mp4")
    client = client_of(owner)

    with django_assert_max_num_queries(8):
        client.get("/api/videos")


def test_a_ready_film_shows_its_outputs(owner):
    video = a_video(owner, VideoState.READY, vmaf=91.2)
    for kind, name, path in (
        ("hls", "master.m3u8", "film/master.m3u8"),
        ("dash", "manifest.mpd", "film/manifest.mpd"),
        ("mp4", "720", "film/720.mp4"),
        ("mp4", "360", "film/360.mp4"),
        ("poster", "poster.jpg", "images/poster.jpg"),
        ("thumbnail", "thumb_1.jpg", "images/thumb_1.jpg"),
        ("storyboard", "storyboard.vtt", "storyboard/storyboard.vtt"),
        ("subtitles", "en", "subtitles/en.vtt"),
    ):
        an_asset(video, kind, name, path)

    outputs = client_of(owner).get(f"/api/videos/{video.pk}/").json()["outputs"]

    base = f"http://testserver/api/videos/{video.pk}/files"
    assert outputs == {
        "hls": f"{base}/film/master.m3u8",
        "dash": f"{base}/film/manifest.mpd",
        "mp4": [
            {"height": 720, "url": f"{base}/film/720.mp4"},
            {"height": 360, "url": f"{base}/film/360.mp4"},
        ],
        "poster": f"{base}/images/poster.jpg",
        "thumbnails": [f"{base}/images/thumb_1.jpg"],
        "storyboard": f"{base}/storyboard/storyboard.vtt",
        "subtitles": [
            {"language": "en", "kind": "subtitles", "title": "English", "url": f"{base}/subtitles/en.vtt"}
        ],
        "audio": [],
        "chapters": None,
        "quality": {"vmaf": 91.2},
    }


def test_each_audio_track_is_named_and_the_first_is_the_default(owner):
    sounds = (
        Sound(1, "aac", "eng", Fraction(0), Fraction(24)),
        Sound(2, "aac", "deu", Fraction(0), Fraction(24), "Regie", "commentary"),
    )
    plan = make_plan(replace(a_film(), sounds=sounds))
    video = a_video(owner, VideoState.READY, plan=plan.as_json())

    outputs = client_of(owner).get(f"/api/videos/{video.pk}").json()["outputs"]

    assert outputs["audio"] == [
        {"language": "en", "title": "English", "kind": "main", "default": True},
        {"language": "de", "title": "Deutsch (Regie)", "kind": "commentary", "default": False},
    ]


def test_a_video_of_the_last_release_has_its_one_audio_track(owner):
    plan = make_plan(a_film()).as_json()
    del plan["audio"]
    video = a_video(owner, VideoState.READY, plan=plan)

    outputs = client_of(owner).get(f"/api/videos/{video.pk}").json()["outputs"]

    assert outputs["audio"] == [{"language": "en", "title": "English", "kind": "main", "default": True}]


def test_a_ready_film_without_sound_has_those_outputs_empty(owner):
    outputs = client_of(owner).get(f"/api/videos/{a_video(owner, VideoState.READY).pk}").json()["outputs"]

    assert outputs["subtitles"] == []
    assert outputs["hls"] is None


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", ""), ("delete", ""), ("post", "/cancel"), ("post", "/retry"), ("get", "/events")],
)
def test_a_film_is_its_owners_alone(owner, stranger, method, path):
    video = a_video(owner)

    answer = getattr(client_of(stranger), method)(f"/api/videos/{video.pk}{path}")

    assert answer.status_code == 404
    assert Video.objects.filter(pk=video.pk, state=VideoState.QUEUED).exists()


@pytest.mark.parametrize("path", ["", f"/{UNKNOWN}", f"/{UNKNOWN}/events"])
def test_a_stranger_without_a_token_gets_401(db, path):
    answer = Client().get(f"/api/videos{path}")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_cancel_then_retry(owner):
    client, video = client_of(owner), a_video(owner)

    cancelled = client.post(f"/api/videos/{video.pk}/cancel")
    again = client.post(f"/api/videos/{video.pk}/cancel")
    retried = client.post(f"/api/videos/{video.pk}/retry")

    assert (cancelled.status_code, cancelled.json()["state"]) == (202, "cancelled")
    assert again.status_code == 409
    assert "cancelled" in again.json()["detail"]
    assert (retried.status_code, retried.json()["state"]) == (202, "queued")


def test_delete_removes_rows_and_every_file(owner):
    video = a_video(owner, VideoState.READY)
    an_asset(video, "mp4", "360", "film/360.mp4")
    client = client_of(owner)

    answer = client.delete(f"/api/videos/{video.pk}")

    assert answer.status_code == 204
    assert client.get(f"/api/videos/{video.pk}").status_code == 404
    assert not storage.film_folder(video.pk).exists()
    assert list(settings.MEDIA_FOLDER.iterdir()) == []
