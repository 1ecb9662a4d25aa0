"""The door for resumable uploads, as tus 1.0 has it: methods, headers, statuses; and the owner's alone."""

import asyncio
import hashlib
import json
from base64 import b64encode

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import OperationalError, connection
from django.test import AsyncClient
from knox.models import AuthToken

from media_pipeline.models import Upload
from media_pipeline.uploads import tus, upload_stream
from tests.unit.media_pipeline.builders import a_resumable_upload, expired, resumable_file

pytestmark = pytest.mark.django_db

CONTENT = bytes(range(100))
BYTES = {"Content-Type": "application/offset+octet-stream"}
VERSION = {"Tus-Resumable": "1.0.0"}


class Wire(AsyncClient):
    """A client whose body comes as a server hands it on: in pieces, broken off, or not at all."""

    def __init__(self, *messages, **options) -> None:
        super().__init__(**options)
        self.messages = list(messages)

    def _base_scope(self, **request):
        return {**super()._base_scope(**request), upload_stream.KEY: self._receive}

    async def _receive(self):
        if not self.messages:
            await asyncio.Event().wait()
        return self.messages.pop(0)


def whole(*pieces):
    """The messages of a body that ends."""
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    return [*messages, {"type": "http.request", "body": b"", "more_body": False}]


GONE_AWAY = {"type": "http.disconnect"}


def bearer(user):
    return {"Authorization": f"Bearer {AuthToken.objects.create(user)[1]}"}


def ask(method, path, headers, messages=(), client=None):
    client = client or Wire(*messages)
    sized = {"Content-Length": str(sum(len(each.get("body", b"")) for each in messages))} if messages else {}

    async def fetch():
        async with asyncio.timeout(20):
            return await client.generic(method, path, headers={**VERSION, **sized, **headers})

    return async_to_sync(fetch)()


def create(user, *pieces, length=100, **headers):
    sent = {
        **bearer(user),
        "Upload-Length": str(length),
        **{n.replace("_", "-"): v for n, v in headers.items()},
    }
    return ask(
        "POST", "/api/uploads", {**sent, **BYTES} if pieces else sent, whole(*pieces) if pieces else ()
    )


def patch(user, upload, offset, messages, **headers):
    sent = {
        **bearer(user),
        **BYTES,
        "Upload-Offset": str(offset),
        **{n.replace("_", "-"): v for n, v in headers.items()},
    }
    return ask("PATCH", f"/api/uploads/{upload.pk}", sent, messages)


def offset_of(upload) -> int:
    return Upload.objects.get(pk=upload.pk).offset_bytes


@pytest.mark.parametrize(
    "path", ["/api/uploads", "/api/uploads/", "/api/uploads/00000000-0000-4000-8000-000000000000"]
)
def test_anybody_may_ask_what_the_server_can_do(path, settings):
    settings.VIDEO_MAX_BYTES = 1000

    answer = async_to_sync(AsyncClient().options)(path)

    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == answer.headers["Tus-Resumable"] == "1.0.0"
    assert answer.headers["Tus-Max-Size"] == "1000"
    assert answer.headers["Tus-Extension"] == "creation,creation-with-upload,termination,checksum,expiration"
    assert "sha1" in answer.headers["Tus-Checksum-Algorithm"].split(",")


@pytest.mark.parametrize("path", ["/api/uploads", "/api/uploads/"])
def test_an_upload_begins(owner, path):
    answer = ask("POST", path, {**bearer(owner), "Upload-Length": "100", "Upload-Metadata": "filename Zmls"})

    upload = Upload.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {"id": str(upload.pk)}
    assert answer.headers["Location"] == f"http://testserver/api/uploads/{upload.pk}"
    assert answer.headers["Upload-Offset"] == "0"
    assert answer.headers["Upload-Expires"].endswith(" GMT")
    assert answer.headers["X-Request-ID"]
    assert (upload.owner, upload.length_bytes, upload.metadata) == (owner, 100, "filename Zmls")


def test_first_bytes_may_come_along(owner):
    answer = create(owner, CONTENT[:30], CONTENT[30:40])

    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "40")
    assert resumable_file(Upload.objects.get()).read_bytes() == CONTENT[:40]


def test_an_upload_of_nothing_is_whole_at_once(owner):
    assert create(owner, length=0).status_code == 201

    assert Upload.objects.get().is_whole


@pytest.mark.parametrize(
    ("checksum", "content", "status"),
    [("sha1 " + b64encode(hashlib.sha1(b"x").digest()).decode(), CONTENT, 460), ("md5 eA==", CONTENT, 400)],  # noqa: S324 - tus asks for it
)
def test_first_bytes_that_are_refused_leave_no_upload_that_nobody_knows(owner, checksum, content, status):
    answer = create(owner, content, Upload_Checksum=checksum)

    assert answer.status_code == status
    assert not Upload.objects.exists()
    assert list(settings.UPLOAD_FOLDER.iterdir()) == []


def test_the_same_key_begins_one_upload_and_tells_how_far_it_is(owner):
    headers = {**bearer(owner), **BYTES, "Upload-Length": "100", "Idempotency-Key": "k"}
    cut_off = [{"type": "http.request", "body": CONTENT[:40], "more_body": True}, GONE_AWAY]

    broken = ask("POST", "/api/uploads", headers, cut_off)
    again = ask("POST", "/api/uploads", headers, whole(CONTENT))

    upload = Upload.objects.get()
    assert (broken.status_code, again.status_code) == (408, 201)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"].endswith(str(upload.pk))
    assert again.headers["Upload-Offset"] == "40"
    assert offset_of(upload) == 40


def test_a_key_used_for_another_upload_is_refused(owner):
    create(owner, Idempotency_Key="k")

    assert create(owner, length=99, Idempotency_Key="k").status_code == 422
    assert create(owner, Idempotency_Key="\x7f").status_code == 400


def test_a_repeated_answer_outlives_its_upload(owner):
    first = create(owner, Idempotency_Key="k")
    Upload.objects.all().delete()

    again = create(owner, Idempotency_Key="k")

    assert (again.status_code, again.json()) == (201, first.json())
    assert "Upload-Offset" not in again.headers


def test_head_tells_how_much_is_there(owner):
    upload = a_resumable_upload(owner, CONTENT[:40], 100, metadata="filename Zmls")

    answer = ask("HEAD", f"/api/uploads/{upload.pk}", bearer(owner))

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Upload-Offset"] == "40"
    assert answer.headers["Upload-Length"] == "100"
    assert answer.headers["Upload-Metadata"] == "filename Zmls"
    assert answer.headers["Cache-Control"] == "no-store"


def test_patch_adds_until_it_is_whole(owner):
    upload = a_resumable_upload(owner, CONTENT[:40], 100)

    first = patch(owner, upload, 40, whole(CONTENT[40:50], CONTENT[50:60]))
    second = patch(owner, upload, 60, whole(CONTENT[60:]))

    assert (first.status_code, first.headers["Upload-Offset"]) == (204, "60")
    assert (second.status_code, second.headers["Upload-Offset"]) == (204, "100")
    assert second.headers["Upload-Expires"].endswith(" GMT")
    assert resumable_file(upload).read_bytes() == CONTENT


def test_a_body_that_breaks_off_is_kept_as_far_as_it_came(owner):
    upload = a_resumable_upload(owner, length=100)

    patch(owner, upload, 0, [{"type": "http.request", "body": CONTENT[:33], "more_body": True}, GONE_AWAY])

    assert ask("HEAD", f"/api/uploads/{upload.pk}", bearer(owner)).headers["Upload-Offset"] == "33"


def test_a_client_that_falls_silent_is_sent_away_with_what_came_kept(owner, settings):
    settings.UPLOAD_SILENCE_SECONDS = 0.05
    upload = a_resumable_upload(owner, length=100)

    answer = patch(owner, upload, 0, [{"type": "http.request", "body": CONTENT[:33], "more_body": True}])

    assert (answer.status_code, answer.headers["Connection"]) == (408, "close")
    assert "offset" in answer.json()["detail"]
    assert offset_of(upload) == 33


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_a_wrong_checksum_gets_460(owner, method):
    upload = a_resumable_upload(owner, length=100)
    right = "sha1 " + b64encode(hashlib.sha1(CONTENT).digest()).decode()  # noqa: S324 - tus asks for it

    headers = {"X_HTTP_Method_Override": "PATCH"} if method == "POST" else {}
    wrong = patch(owner, upload, 0, whole(b"x" * 100), Upload_Checksum=right, **headers)
    kept = offset_of(upload)
    good = patch(owner, upload, 0, whole(CONTENT), Upload_Checksum=right)

    assert (wrong.status_code, kept, good.status_code) == (460, 0, 204)
    assert "checksum" in wrong.json()["detail"]


def test_a_wrong_offset_gets_409(owner):
    upload = a_resumable_upload(owner, CONTENT[:40], 100)

    answer = patch(owner, upload, 0, whole(CONTENT))

    assert answer.status_code == 409
    assert "40 bytes" in answer.json()["detail"]


def test_more_than_a_film_may_have_gets_413(owner, settings):
    settings.VIDEO_MAX_BYTES = 99

    answer = create(owner, length=100)

    assert (answer.status_code, answer.headers["Tus-Max-Size"]) == (413, "99")
    assert not Upload.objects.exists()


def test_more_than_the_upload_was_to_have_gets_413(owner):
    upload = a_resumable_upload(owner, length=100)

    assert patch(owner, upload, 0, whole(CONTENT, b"x")).status_code == 413
    assert create(owner, CONTENT, b"x").status_code == 413
    assert offset_of(upload) == 0


def test_one_upload_too_many_gets_429(owner, settings):
    settings.UPLOAD_MAX_OPEN = 1
    a_resumable_upload(owner, length=1)

    answer = create(owner)

    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 24 * 3600


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
def test_what_is_over_gets_410(owner, method):
    upload = expired(a_resumable_upload(owner, CONTENT))

    answer = ask(method, f"/api/uploads/{upload.pk}", {**bearer(owner), **BYTES, "Upload-Offset": "100"})

    assert answer.status_code == 410


def test_delete_ends_it(owner):
    upload = a_resumable_upload(owner, CONTENT[:40], 100)

    first = ask("DELETE", f"/api/uploads/{upload.pk}", bearer(owner))
    second = ask("DELETE", f"/api/uploads/{upload.pk}/", bearer(owner))

    assert (first.status_code, second.status_code) == (204, 404)
    assert not resumable_file(upload).exists()


@pytest.mark.parametrize(
    ("method", "path"), [("POST", ""), ("HEAD", "/{id}"), ("PATCH", "/{id}"), ("DELETE", "/{id}")]
)
def test_another_version_of_the_protocol_gets_412(owner, method, path):
    upload = a_resumable_upload(owner, CONTENT[:40], 100)
    headers = {
        **bearer(owner),
        **BYTES,
        "Upload-Offset": "40",
        "Upload-Length": "5",
        "Tus-Resumable": "2.0.0",
    }

    answer = ask(method, "/api/uploads" + path.format(id=upload.pk), headers, whole(b"x"))

    assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")
    assert list(Upload.objects.all()) == [upload]
    assert offset_of(upload) == 40


@pytest.mark.parametrize("content_type", ["application/octet-stream", "multipart/form-data; boundary=x", ""])
def test_a_body_of_another_type_gets_415(owner, content_type):
    upload = a_resumable_upload(owner, length=100)
    headers = {**bearer(owner), "Upload-Offset": "0", "Upload-Length": "100", "Content-Type": content_type}

    assert ask("PATCH", f"/api/uploads/{upload.pk}", headers, whole(b"x")).status_code == 415
    assert ask("POST", "/api/uploads", headers, whole(b"x")).status_code == 415
    assert offset_of(upload) == 0
    assert Upload.objects.count() == 1


@pytest.mark.parametrize(
    "headers", [{"Upload-Offset": "x"}, {}, {"Upload-Offset": "0", "Upload-Checksum": "sha1 x"}]
)
def test_junk_gets_400_by_name(owner, headers):
    upload = a_resumable_upload(owner, length=100)

    answer = ask("PATCH", f"/api/uploads/{upload.pk}", {**bearer(owner), **BYTES, **headers}, whole(b"x"))

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Upload-")


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", ""), ("PUT", "/{id}"), ("POST", "/{id}"), ("GET", "/{id}")]
)
def test_other_methods_get_405(owner, method, path):
    upload = a_resumable_upload(owner, length=100)

    answer = ask(method, "/api/uploads" + path.format(id=upload.pk), bearer(owner))

    assert answer.status_code == 405
    assert answer.headers["Allow"] == ("HEAD, PATCH, DELETE, OPTIONS" if path else "GET, POST, OPTIONS")
    assert json.loads(answer.content)["detail"] == f'Method "{method}" not allowed.'


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"Upload-Concat": "partial", "Upload-Length": "100"}, "Upload-Concat"),
        ({"Upload-Concat": "final;/api/uploads/a /api/uploads/b"}, "Upload-Concat"),
        ({"Upload-Concat": "partial", "Upload-Defer-Length": "1"}, "Upload-Concat"),
        ({"Upload-Defer-Length": "1"}, "Upload-Defer-Length"),
        ({"Upload-Defer-Length": "1", "Upload-Length": "100"}, "Upload-Defer-Length"),
    ],
)
@pytest.mark.parametrize("messages", [(), whole(b"x")])
def test_an_extension_that_is_not_offered_is_refused_by_name_at_the_first_request(
    owner, headers, name, messages
):
    answer = ask("POST", "/api/uploads", {**bearer(owner), **BYTES, **headers}, messages)

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(f"{name}: ")
    assert "not supported" in answer.json()["detail"]
    assert not Upload.objects.exists()


def listed(user, query="", **headers):
    return async_to_sync(AsyncClient().get)(f"/api/uploads{query}", headers={**bearer(user), **headers})


def test_open_uploads_are_listed_newest_first(owner, stranger):
    first = a_resumable_upload(owner, CONTENT[:40], 100, metadata="filename ZmlsbS5tcDQ=")
    second = a_resumable_upload(owner, CONTENT)
    a_resumable_upload(owner, CONTENT, used_at=first.created_at)
    expired(a_resumable_upload(owner, length=100))
    a_resumable_upload(stranger, length=100)

    answer = listed(owner)

    page = answer.json()
    assert answer.status_code == 200
    assert (page["next"], page["previous"]) == (None, None)
    assert [row["id"] for row in page["results"]] == [str(second.pk), str(first.pk)]
    assert page["results"][1] == {
        "id": str(first.pk),
        "url": f"http://testserver/api/uploads/{first.pk}",
        "length": 100,
        "offset": 40,
        "filename": "film.mp4",
        "created_at": first.created_at.isoformat().replace("+00:00", "Z"),
        "expires_at": first.expires_at.isoformat().replace("+00:00", "Z"),
    }
    assert page["results"][0]["filename"] == ""


def test_the_list_of_uploads_has_pages(owner):
    for _ in range(3):
        a_resumable_upload(owner, length=100)

    first = listed(owner, "?page_size=2").json()
    rest = listed(owner, "?" + first["next"].partition("?")[2]).json()

    assert (len(first["results"]), len(rest["results"]), rest["next"]) == (2, 1, None)
    assert listed(owner, "?cursor=-").status_code == 400


def test_the_list_of_uploads_is_read_with_a_session_or_a_token_and_by_nobody_else(owner):
    client = AsyncClient(enforce_csrf_checks=True)
    assert async_to_sync(client.get)("/api/uploads").status_code == 401

    async_to_sync(client.aforce_login)(owner)

    assert async_to_sync(client.get)("/api/uploads").json()["results"] == []


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
def test_an_upload_is_its_owners_alone(owner, stranger, method):
    upload = a_resumable_upload(owner, length=100)
    headers = {**BYTES, "Upload-Offset": "0"}

    theirs = ask(method, f"/api/uploads/{upload.pk}", {**bearer(stranger), **headers}, whole(b"x"))
    nobodys = ask(method, f"/api/uploads/{upload.pk}", headers, whole(b"x"))
    wrong = ask(method, f"/api/uploads/{upload.pk}", {"Authorization": "Bearer no", **headers}, whole(b"x"))

    assert (theirs.status_code, nobodys.status_code, wrong.status_code) == (404, 401, 401)
    assert nobodys.headers["WWW-Authenticate"] == "Bearer"
    assert offset_of(upload) == 0


def test_nobody_begins_an_upload_without_a_login(db):
    answer = ask("POST", "/api/uploads", {"Upload-Length": "1"})

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("override", [{}, {"X-HTTP-Method-Override": "DELETE"}])
def test_a_session_changes_something_only_with_its_csrf_token(owner, override):
    upload = a_resumable_upload(owner, length=100)
    client = Wire(enforce_csrf_checks=True)
    async_to_sync(client.aforce_login)(owner)
    method = "GET" if override else "DELETE"

    refused = ask(method, f"/api/uploads/{upload.pk}", override, client=client)
    shown = ask("HEAD", f"/api/uploads/{upload.pk}", {}, client=client)
    client.cookies["csrftoken"] = token = "a" * 32
    allowed = ask(method, f"/api/uploads/{upload.pk}", {"X-CSRFToken": token, **override}, client=client)

    assert (refused.status_code, shown.status_code, allowed.status_code) == (403, 200, 204)
    assert "CSRF" in refused.json()["detail"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("statement", ["SELECT", "UPDATE"])
def test_a_database_that_is_lost_on_the_way_gets_503_and_moves_nothing(owner, statement):
    upload = a_resumable_upload(owner, length=100)

    def lost(execute, sql, *rest):
        if sql.startswith(f'{statement} "media_pipeline_upload"'):
            raise OperationalError("server closed the connection")
        return execute(sql, *rest)

    with connection.execute_wrapper(lost):
        answer = patch(owner, upload, 0, whole(CONTENT))

    assert (answer.status_code, answer.headers["Tus-Resumable"]) == (503, "1.0.0")
    assert answer.headers["Retry-After"]
    assert offset_of(upload) == 0


class LogsOut(Wire):
    """A client whose logins end after its first piece."""

    async def _receive(self):
        message = await super()._receive()
        if self.messages and len(self.messages) < self.whole_count - 1:
            await AuthToken.objects.all().adelete()
        return message


def test_an_upload_ends_with_the_login_that_it_came_with(owner, monkeypatch):
    monkeypatch.setattr(tus, "LOGIN_CHECKED_EVERY_SECONDS", 0)
    upload = a_resumable_upload(owner, length=100)
    messages = whole(CONTENT[:40], CONTENT[40:80], CONTENT[80:])
    client = LogsOut(*messages)
    client.whole_count = len(messages)
    sent = {**bearer(owner), **BYTES, "Upload-Offset": "0"}

    answer = ask("PATCH", f"/api/uploads/{upload.pk}", sent, messages, client)

    assert answer.status_code == 401
    assert offset_of(upload) < 100
