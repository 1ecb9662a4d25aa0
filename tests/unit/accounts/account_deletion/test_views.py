"""The API as its users see it."""

import uuid

import pytest
from django.utils import timezone

from accounts.account_deletion import deletion
from accounts.account_deletion.models import Deletion
from tests.unit.accounts.conftest import PASSWORD


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
