import sys
import threading
from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection
from django.utils import timezone
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from api.errors import Refused
from api.idempotency import forget_expired, idempotent
from api.models import IdempotencyKey
from api.routes import route

pytestmark = pytest.mark.django_db
entered = threading.Event()
released = threading.Event()


class Groups(APIView):
    """Makes a group: an effect that can be counted."""

    permission_classes = (AllowAny,)
    parser_classes = (JSONParser, MultiPartParser)

    @idempotent
    def post(self, request):
        name = request.data["name"]
        group = Group.objects.create(name=f"{name} {Group.objects.count()}")
        if name == "refused":
            raise Refused("No.")
        if name == "bad":
            return Response({"detail": "Bad."}, status=400)
        if name == "bug":
            raise RuntimeError
        if name == "slow":
            entered.set()
            assert released.wait(10)
        body = {"id": group.pk, "a": 1, "file": len(request.data.get("file", ""))}
        return Response(body, status=201, headers={"Location": f"/groups/{group.pk}"})


class DeletableGroups(Groups):
    """Makes a group that its maker may delete."""

    made_can_be_deleted = True

    def get_queryset(self):
        return Group.objects.all()


urlpatterns = [
    route("api/deletable", DeletableGroups.as_view()),
    route("api/groups", Groups.as_view()),
    route("api/others", Groups.as_view()),
]


@pytest.fixture
def client(settings):
    settings.ROOT_URLCONF = sys.modules[__name__]
    return APIClient(raise_request_exception=False)


def post(client, payload=None, key="k-1", path="/api/groups", **more):
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(path, payload or {"name": "a"}, headers=headers, **more)


def a_user(name: str):
    return get_user_model().objects.create_user(f"{name}@example.org", "secret")


def test_the_same_key_gets_the_same_answer_and_has_one_effect(client):
    first = post(client)
    second = post(client)

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["Content-Type"] == first.headers["Content-Type"]
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert Group.objects.count() == 1


def test_a_trailing_slash_makes_no_other_operation(client):
    post(client)

    assert "Idempotent-Replayed" in post(client, path="/api/groups/").headers


def test_without_a_key_each_request_has_its_effect(client):
    post(client, key=None)
    post(client, key=None)

    assert Group.objects.count() == 2


def test_another_key_is_another_request(client):
    post(client, key="k-1")
    post(client, key="k-2")

    assert Group.objects.count() == 2


def test_another_payload_under_a_used_key_is_422(client):
    post(client)

    answer = post(client, {"name": "b"})

    assert answer.status_code == 422
    assert Group.objects.count() == 1


def test_the_order_of_fields_makes_no_other_payload(client):
    post(client, {"name": "a", "b": 1})

    assert "Idempotent-Replayed" in post(client, {"b": 1, "name": "a"}).headers


def test_one_key_of_two_users_is_two_keys(client):
    for name in ("ada", "bob"):
        client.force_authenticate(a_user(name))
        assert "Idempotent-Replayed" not in post(client).headers

    assert Group.objects.count() == 2


def test_one_key_on_two_paths_is_two_keys(client):
    post(client)

    assert "Idempotent-Replayed" not in post(client, path="/api/others").headers


def test_strangers_are_told_apart_by_address(client):
    post(client, REMOTE_ADDR="10.0.0.1")

    assert "Idempotent-Replayed" not in post(client, REMOTE_ADDR="10.0.0.2").headers
    assert "Idempotent-Replayed" in post(client, REMOTE_ADDR="10.0.0.1").headers


@pytest.mark.parametrize(("name", "status"), [("refused", 400), ("bad", 400), ("bug", 500)])
def test_what_failed_is_not_kept_and_may_be_tried_again(client, name, status):
    answers = [post(client, {"name": name}), post(client, {"name": name})]

    assert [answer.status_code for answer in answers] == [status, status]
    assert all("Idempotent-Replayed" not in answer.headers for answer in answers)
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize("name", ["refused", "bad", "bug"])
def test_the_effect_of_what_failed_is_undone(client, name):
    post(client, {"name": name})

    assert not Group.objects.exists()


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "é"])
def test_a_key_that_is_none_is_refused(client, key):
    assert post(client, key=key).status_code == 400


def test_an_upload_sent_again_is_the_same_request_whatever_its_boundary(client):
    def upload(content: bytes):
        file = SimpleUploadedFile("film.mp4", content)
        return post(client, {"name": "a", "file": file}, format="multipart")

    first, second, other = upload(b"x" * 3_000_000), upload(b"x" * 3_000_000), upload(b"y" * 3_000_000)

    assert first.json()["file"] == 3_000_000
    assert second.content == first.content
    assert other.status_code == 422


def test_no_payload_is_kept_in_clear(client):
    post(client, {"name": "a", "password": "correct horse"})

    row = IdempotencyKey.objects.values().get()
    assert "correct" not in str(row)
    assert len(row["request_hash"]) == 64


def test_no_answer_is_kept_in_clear(client):
    post(client)

    assert "file" not in IdempotencyKey.objects.get().body


def test_an_answer_that_was_kept_in_clear_is_sealed_by_the_migration(client):
    first = post(client)
    IdempotencyKey.objects.update(body=first.content.decode())

    import_module("api.migrations.0002_seal_answers").seal_answers(apps, None)

    assert "file" not in IdempotencyKey.objects.get().body
    assert post(client).content == first.content


def test_under_another_secret_key_a_used_key_is_refused(client, settings):
    post(client)
    settings.SECRET_KEY = "another one"

    assert post(client).status_code == 422
    assert Group.objects.count() == 1


def test_after_a_day_the_key_is_free_again(client):
    post(client)
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))

    assert "Idempotent-Replayed" not in post(client).headers
    assert Group.objects.count() == 2


def test_expired_answers_are_deleted_and_others_stay(client):
    post(client, key="old")
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    post(client, key="new")

    assert (forget_expired(timezone.now()), forget_expired(timezone.now())) == (1, 0)
    assert [row.key for row in IdempotencyKey.objects.all()] == ["new"]


def test_a_key_has_one_row(client):
    post(client)
    row = IdempotencyKey.objects.get()
    row.pk = None

    with pytest.raises(IntegrityError, match="api_one_answer_per_key"):
        row.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
def test_while_the_first_request_runs_a_second_gets_409_at_once(client):
    entered.clear()
    released.clear()
    answers = []

    def first() -> None:
        answers.append(post(APIClient(), {"name": "slow"}))
        connection.close()

    running = threading.Thread(target=first)
    running.start()
    assert entered.wait(10)
    second = post(client, {"name": "slow"})
    released.set()
    running.join(10)
    third = post(client, {"name": "slow"})

    assert second.status_code == 409
    assert answers[0].status_code == 201
    assert third.content == answers[0].content
    assert Group.objects.count() == 1


def test_under_another_secret_key_a_fallback_finds_the_answer_of_before(client, settings):
    first = post(client)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another one", [settings.SECRET_KEY]

    assert post(client).content == first.content
    assert post(client, {"name": "b"}).status_code == 422
    assert Group.objects.count() == 1


def test_what_was_made_and_is_deleted_is_not_shown_again(client):
    first = post(client, path="/api/deletable")
    assert post(client, path="/api/deletable").content == first.content
    Group.objects.all().delete()

    again = post(client, path="/api/deletable")

    assert (again.status_code, list(again.json())) == (410, ["detail"])
    assert not Group.objects.exists()
