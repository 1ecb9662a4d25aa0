"""The API as its users see it."""

import uuid

import pytest

from accounts import projects
from accounts.models import Project
from tests.unit.accounts.signup.test_views import SIGNUP


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


@pytest.mark.parametrize("path", ["/api/password-reset", "/api/verify-email/resend"])
def test_asking_for_a_mail_answers_the_same_for_every_address(a_user, api, path):
    a_user("known@example.org")
    a_user("unproven@example.org", verified=False)

    addresses = ["known@example.org", "unproven@example.org", "nobody@example.org"]
    answers = [api.post(path, {"email": address}) for address in addresses]

    assert {(answer.status_code, answer.content) for answer in answers} == {(202, answers[0].content)}


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


def test_a_project_is_created_read_renamed_and_deleted(a_user, as_user):
    client = as_user(a_user())

    made = client.post("/api/projects", {"name": "Films"})
    path = f"/api/projects/{made.json()['id']}"

    assert made.status_code == 201
    assert set(made.json()) == {"id", "name", "created_at"}
    assert client.get(path).json() == made.json()
    assert client.patch(path, {"name": "Old videos"}).json()["name"] == "Old videos"
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
