"""The API as its users see it."""

import zipfile
from io import BytesIO

from asgiref.sync import async_to_sync, sync_to_async
from knox.models import AuthToken

from accounts.exports import export
from accounts.exports.models import Export
from api import ranges


def test_an_export_is_asked_for_written_and_downloaded(a_user, as_user, settings):
    settings.ACCOUNT_EXPORTERS = []
    client = as_user(a_user())
    answer = client.post("/api/account/export")
    assert answer.status_code == 202
    status = client.get(answer.json()["status_url"])
    assert (status.json()["state"], status.json()["url"]) == ("running", None)
    assert client.get(f"{answer.json()['status_url']}/archive").status_code == 404

    export.write(answer.json()["id"])

    ready = client.get(answer.json()["status_url"]).json()
    archive = client.get(ready["url"])
    assert ready["state"] == "ready"
    assert archive.status_code == 200
    assert archive.headers["Content-Type"] == "application/zip"
    assert "attachment" in archive.headers["Content-Disposition"]
    assert zipfile.is_zipfile(BytesIO(async_to_sync(_read)(archive)))


def test_an_export_that_another_machine_wrote_is_downloaded_and_no_copy_stays(
    a_user, as_user, settings, bucket, tmp_path
):
    settings.ACCOUNT_EXPORTERS = []
    settings.OFFSTAGE_DATA = tmp_path / "worker"
    user = a_user()
    client, wanted = as_user(user), export.request_export(user)
    export.write(str(wanted.pk))
    settings.OFFSTAGE_DATA = tmp_path / "web"

    whole, again = (client.get(f"/api/account/exports/{wanted.pk}/archive") for _ in range(2))
    part = client.get(f"/api/account/exports/{wanted.pk}/archive", headers={"Range": "bytes=0-1"})
    body = async_to_sync(_read)(whole)
    export.discard(user.exports.all())

    assert zipfile.is_zipfile(BytesIO(body))
    assert whole.headers["ETag"] == again.headers["ETag"]
    assert (part.status_code, async_to_sync(_read)(part)) == (206, b"PK")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert bucket.objects() == []
    async_to_sync(_read)(again)


def test_an_export_is_its_owners_alone(a_user, as_user):
    wanted = export.request_export(a_user())
    export.write(str(wanted.pk))
    other = as_user(a_user("b@example.org"))

    assert other.get(f"/api/account/exports/{wanted.pk}").status_code == 404
    assert other.get(f"/api/account/exports/{wanted.pk}/archive").status_code == 404
    assert Export.objects.get().state == "ready"


def test_the_download_of_an_archive_is_cut_off_when_its_login_ends(a_user, logged_in, monkeypatch):
    monkeypatch.setattr(ranges, "ASKED_EVERY_SECONDS", -1)
    user = a_user()
    client = logged_in(user)
    wanted = export.request_export(user)
    export.write(str(wanted.pk))
    length = 4 * ranges.PIECE_BYTES
    export.archive_path(wanted.pk).write_bytes(bytes(length))

    answer = client.get(f"/api/account/exports/{wanted.pk}/archive")

    async def received():
        pieces = aiter(answer.streaming_content)
        count = len(await anext(pieces))
        await sync_to_async(AuthToken.objects.all().delete)()
        return count + sum([len(piece) async for piece in pieces])

    assert async_to_sync(received)() == ranges.PIECE_BYTES


async def _read(answer):
    return b"".join([piece async for piece in answer.streaming_content])
