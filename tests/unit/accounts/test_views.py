"""The API as its users see it."""

import uuid
import zipfile
from io import BytesIO

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.utils import timezone
from knox.models import AuthToken

from accounts import projects
from accounts.account_deletion import deletion
from accounts.account_deletion.models import Deletion
from accounts.exports import export
from accounts.exports.models import Export
from accounts.mail import mailed_tokens
from accounts.mail.models import TokenPurpose
from accounts.models import Project, User
from api import ranges
from jobs.models import Job
from tests.push_server import Browser
from tests.unit.accounts.conftest import PASSWORD

SIGNUP = {"email": "ada@example.org", "password": PASSWORD, "name": "Ada"}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/signup", "/api/signup/"])
def test_signing_up_answers_201_with_and_without_a_slash(api, path):
    answer = api.post(path, SIGNUP)

    assert answer.status_code == 201
    assert answer.json()["email"] == "ada@example.org"
    assert answer.json()["detail"].startswith("Signup successful. ")


@pytest.mark.django_db
def test_a_name_is_not_asked_for(api):
    assert api.post("/api/signup", {"email": "a@example.org", "password": PASSWORD}).status_code == 201


@pytest.mark.parametrize("state", ["verified", "unverified", "inactive"])
def test_the_answer_for_a_taken_address_is_the_same_to_the_letter(a_user, api, state):
    fresh = api.post("/api/signup", SIGNUP)
    User.objects.all().delete()
    a_user(verified=state != "unverified", is_active=state != "inactive")

    taken = api.post("/api/signup", SIGNUP)

    assert (taken.status_code, taken.content) == (fresh.status_code, fresh.content)
    assert set(taken.headers) == set(fresh.headers)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "no address"}, "email"),
        ({"email": ""}, "email"),
        ({"email": f"{'a' * 250}@example.org"}, "email"),
        ({"email": "a@example.org\r\nBcc: b@example.org"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "x" * 1001}, "password"),
        ({"name": "x" * 151}, "name"),
        # Fits, and does not once it is written small.
        ({"email": "a@" + 4 * (60 * "\u0130" + ".") + "org"}, "email"),
        *(({field: 7}, field) for field in SIGNUP),
        *(({field: "a\x00b"}, field) for field in SIGNUP),
    ],
)
def test_a_bad_sign_up_answers_400_with_the_field(api, change, field):
    answer = api.post("/api/signup", {**SIGNUP, **change})

    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert all(isinstance(reason, str) for reason in answer.json()[field])
    assert not User.objects.exists()


def test_a_weak_password_is_refused_for_a_taken_address_as_well(a_user, api):
    a_user()

    assert api.post("/api/signup", {**SIGNUP, "password": "short"}).status_code == 400


@pytest.mark.django_db
def test_one_idempotency_key_signs_up_once(api):
    first = api.post("/api/signup", SIGNUP, headers={"Idempotency-Key": "k1"})
    second = api.post("/api/signup", SIGNUP, headers={"Idempotency-Key": "k1"})

    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert Job.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "scope", "body"),
    [
        ("/api/signup", "signup", SIGNUP),
        ("/api/login", "login", {"email": "a@example.org", "password": "x"}),
        ("/api/password-reset", "password_reset", {"email": "a@example.org"}),
        ("/api/verify-email/resend", "password_reset", {"email": "a@example.org"}),
    ],
)
def test_too_many_requests_of_one_address_get_429_and_others_go_on(api, settings, path, scope, body):
    settings.THROTTLES = {scope: "2/minute"}
    first, other = (f"198.51.{uuid.uuid4().int % 250}.{uuid.uuid4().int % 250}" for _ in range(2))

    statuses = [api.post(path, body, REMOTE_ADDR=first).status_code for _ in range(3)]
    refused = api.post(path, body, REMOTE_ADDR=first)

    assert statuses[2] == 429
    assert 429 not in statuses[:2]
    assert int(refused.headers["Retry-After"]) >= 1
    assert api.post(path, body, REMOTE_ADDR=other).status_code != 429


def test_verifying_answers_200_and_then_400(a_user, api):
    token = mailed_tokens.issue(a_user(verified=False), TokenPurpose.VERIFY, timezone.now())

    first = api.post("/api/verify-email", {"token": token})
    second = api.post("/api/verify-email", {"token": token})

    assert first.status_code == 200
    assert second.status_code == 400
    assert list(second.json()) == ["token"]


def test_logging_in_answers_a_token_that_opens_the_account(a_user, api):
    a_user(name="Ada")

    answer = api.post("/api/login", {"email": "Ada@Example.org", "password": PASSWORD})

    assert answer.status_code == 200
    assert set(answer.json()) == {"token", "expires_at"}
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['token']}")
    account = api.get("/api/account").json()
    assert set(account) == {"id", "email", "name", "created_at"}
    assert account["name"] == "Ada"


def test_a_wrong_password_answers_400_and_an_unproven_address_403(a_user, api):
    a_user(verified=False)

    wrong = api.post("/api/login", {"email": "ada@example.org", "password": "wrong"})
    unproven = api.post("/api/login", {"email": "ada@example.org", "password": PASSWORD})

    assert wrong.status_code == 400
    assert unproven.status_code == 403
    assert set(unproven.json()) == {"detail"}


def test_the_eleventh_try_answers_429(a_user, api):
    a_user()
    body = {"email": "ada@example.org", "password": "wrong"}

    statuses = [api.post("/api/login", body).status_code for _ in range(10)]
    locked = api.post("/api/login", {**body, "password": PASSWORD})

    assert statuses == [400] * 10
    assert locked.status_code == 429
    assert int(locked.headers["Retry-After"]) > 800


def test_a_stale_token_does_not_shut_the_open_doors(a_user, api):
    a_user()
    api.credentials(HTTP_AUTHORIZATION="Bearer stale")

    assert api.post("/api/login", {"email": "ada@example.org", "password": PASSWORD}).status_code == 200


def test_logging_out_ends_the_token(a_user, logged_in):
    client = logged_in(a_user())

    assert client.post("/api/logout").status_code == 204

    assert client.get("/api/account").status_code == 401
    assert not AuthToken.objects.exists()


def test_logging_out_ends_the_session(a_user, client):
    client.force_login(a_user())

    assert client.post("/api/logout").status_code == 204

    assert client.get("/api/account").status_code == 401


@pytest.mark.parametrize("path", ["/api/password-reset", "/api/verify-email/resend"])
def test_asking_for_a_mail_answers_the_same_for_every_address(a_user, api, path):
    a_user("known@example.org")
    a_user("unproven@example.org", verified=False)

    addresses = ["known@example.org", "unproven@example.org", "nobody@example.org"]
    answers = [api.post(path, {"email": address}) for address in addresses]

    assert {(answer.status_code, answer.content) for answer in answers} == {(202, answers[0].content)}


def test_a_new_password_is_confirmed_with_200_and_a_weak_one_refused(a_user, api):
    token = mailed_tokens.issue(a_user(), TokenPurpose.RESET, timezone.now())

    weak = api.post("/api/password-reset/confirm", {"token": token, "password": "short"})
    done = api.post("/api/password-reset/confirm", {"token": token, "password": "an entirely new one"})
    again = api.post("/api/password-reset/confirm", {"token": token, "password": "an entirely new one"})

    assert (weak.status_code, list(weak.json())) == (400, ["password"])
    assert done.status_code == 200
    assert (again.status_code, list(again.json())) == (400, ["token"])


def test_the_name_can_be_changed_and_nothing_else(a_user, as_user):
    user = a_user()

    answer = as_user(user).patch(
        "/api/account", {"name": "Countess", "email": "x@example.org", "is_staff": True}
    )

    assert answer.status_code == 200
    user.refresh_from_db()
    assert (user.name, user.email, user.is_staff) == ("Countess", "ada@example.org", False)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/account"),
        ("patch", "/api/account"),
        ("delete", "/api/account"),
        ("post", "/api/account/export"),
        ("post", "/api/logout"),
        ("get", "/api/projects"),
        ("post", "/api/projects"),
        ("post", "/api/push-subscriptions"),
        ("delete", "/api/push-subscriptions"),
    ],
)
def test_a_stranger_gets_401_and_is_told_how(api, method, path):
    answer = getattr(api, method)(path)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_leaving_answers_202_and_the_id_alone_shows_the_progress(a_user, logged_in, api):
    client = logged_in(a_user())

    answer = client.delete("/api/account", {"password": PASSWORD})

    begun = Deletion.objects.get()
    assert answer.status_code == 202
    assert answer.json() == {
        "id": str(begun.pk),
        "status_url": f"http://testserver/api/account/deletions/{begun.pk}",
    }
    assert client.get("/api/account").status_code == 401
    status = api.get(answer.json()["status_url"])
    assert status.headers["Retry-After"] == "1"
    assert status.json() == {
        "id": str(begun.pk),
        "state": "running",
        "steps": [
            {"name": name, "state": "running", "deleted": 0}
            for name in ("projects", "files", "assets", "user_data")
        ],
    }
    deletion.finish(str(begun.pk), timezone.now())
    assert api.get(answer.json()["status_url"]).json()["state"] == "done"


def test_leaving_with_a_wrong_password_answers_400(a_user, as_user):
    answer = as_user(a_user()).delete("/api/account", {"password": "wrong"})

    assert (answer.status_code, list(answer.json())) == (400, ["password"])
    assert not Deletion.objects.exists()


@pytest.mark.django_db
def test_a_guessed_deletion_is_not_there(api):
    assert api.get(f"/api/account/deletions/{uuid.uuid4()}").status_code == 404


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


async def _read(answer):
    return b"".join([piece async for piece in answer.streaming_content])


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


def test_a_project_is_created_read_renamed_and_deleted(a_user, as_user):
    client = as_user(a_user())

    made = client.post("/api/projects", {"name": "Films"})
    path = f"/api/projects/{made.json()['id']}"

    assert made.status_code == 201
    assert set(made.json()) == {"id", "name", "created_at"}
    assert client.get(path).json() == made.json()
    assert client.patch(path, {"name": "Old films"}).json()["name"] == "Old films"
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("name", ["", "   ", "x" * 201])
def test_a_project_needs_a_name(a_user, as_user, name):
    answer = as_user(a_user()).post("/api/projects", {"name": name})

    assert (answer.status_code, list(answer.json())) == (400, ["name"])


def test_projects_are_listed_newest_first_and_only_ones_own(a_user, as_user):
    user = a_user()
    names = ["first", "second", "third"]
    for name in names:
        projects.add(user, name)
    projects.add(a_user("b@example.org"), "not mine")

    listed = as_user(user).get("/api/projects", {"page_size": 2}).json()

    assert [project["name"] for project in listed["results"]] == ["third", "second"]
    assert listed["previous"] is None
    rest = as_user(user).get(listed["next"]).json()
    assert [project["name"] for project in rest["results"]] == ["first"]


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_another_ones_project_is_not_there(a_user, as_user, method):
    theirs = projects.add(a_user("b@example.org"), "theirs")

    answer = getattr(as_user(a_user()), method)(f"/api/projects/{theirs.pk}", {"name": "mine"})

    assert answer.status_code == 404
    assert Project.objects.get().name == "theirs"


def test_one_idempotency_key_makes_one_project(a_user, as_user):
    client = as_user(a_user())

    answers = [
        client.post("/api/projects", {"name": "x"}, headers={"Idempotency-Key": "k"}) for _ in range(2)
    ]

    assert answers[0].json() == answers[1].json()
    assert Project.objects.count() == 1


@pytest.mark.django_db
def test_the_push_key_is_a_point_for_everybody(api):
    key = api.get("/api/push-key").json()["key"]

    assert len(key) == 87
    assert key.startswith("B")


def test_a_browser_is_subscribed_and_unsubscribed(a_user, as_user):
    user, browser = a_user(), Browser()
    body = {
        "endpoint": "https://push.example.org/1",
        "keys": {"p256dh": browser.p256dh, "auth": browser.auth},
        "expirationTime": None,
    }

    made = as_user(user).post("/api/push-subscriptions", body)
    assert (made.status_code, user.push_subscriptions.count()) == (201, 1)
    gone = as_user(user).delete("/api/push-subscriptions", {"endpoint": body["endpoint"]})
    assert (gone.status_code, user.push_subscriptions.count()) == (204, 0)


def test_a_push_address_inside_our_network_answers_400(a_user, as_user):
    browser = Browser()
    keys = {"p256dh": browser.p256dh, "auth": browser.auth}

    answer = as_user(a_user()).post(
        "/api/push-subscriptions", {"endpoint": "https://10.0.0.1/1", "keys": keys}
    )

    assert (answer.status_code, list(answer.json())) == (400, ["endpoint"])


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
