"""The staff API of the ledger, from outside."""

from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from celery_ledger.models import Job
from celery_ledger.states import JobState
from tests.rows import a_job, an_error

pytestmark = pytest.mark.django_db

ASKED_FOR = {
    *("id", "name", "queue", "state", "attempts", "max_attempts", "run_at", "created_at"),
    *("started_at", "finished_at", "worker", "error", "errors", "request_id"),
}


@pytest.fixture
def staff():
    return client_of("staff@example.org", "view_job", "operate_job", is_staff=True)


def client_of(email, *permissions, **fields):
    client = Client()
    user = get_user_model().objects.create_user(email, **fields)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def ids(answer):
    return {row["id"] for row in answer.json()["results"]}


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", ""), ("get", "/{id}"), ("post", "/{id}/retry"), ("post", "/{id}/cancel"), ("post", "/retry")],
)
def test_only_staff_may(method, path):
    job = a_job(JobState.DEAD)
    path = f"/api/jobs{path.format(id=job.pk)}"

    answers = [
        getattr(client, method)(path).status_code for client in (Client(), client_of("user@example.org"))
    ]

    assert answers == [401, 403]
    assert Job.objects.get().state == JobState.DEAD


WAYS = [("get", ""), ("get", "/{id}"), ("post", "/{id}/retry"), ("post", "/{id}/cancel"), ("post", "/retry")]


@pytest.mark.parametrize(
    ("permissions", "is_superuser", "allowed"),
    [
        ((), False, []),
        (("view_job",), False, WAYS[:2]),
        (("operate_job",), False, WAYS[2:]),
        ((), True, WAYS),
    ],
)
def test_staff_may_do_what_its_permissions_say(permissions, is_superuser, allowed):
    client = client_of("s@example.org", *permissions, is_staff=True, is_superuser=is_superuser)
    job = a_job(JobState.DEAD)

    passed = [
        (method, path)
        for method, path in WAYS
        if getattr(client, method)(f"/api/jobs{path.format(id=job.pk)}").status_code != 403
    ]

    assert passed == allowed


def test_permissions_without_the_staff_flag_are_worth_nothing():
    client = client_of("s@example.org", "view_job", "operate_job")

    assert client.get("/api/jobs").status_code == 403


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_job_is_shown_with_each_error_and_its_traceback(staff, slash):
    job = a_job(JobState.DEAD, error="no", worker="w@h/3", request_id="r-1")
    an_error(job, attempt=1, fate="transient", message="away")
    an_error(job, attempt=2, traceback="Traceback: here")

    shown = staff.get(f"/api/jobs/{job.pk}{slash}").json()

    assert set(shown) >= ASKED_FOR
    assert (shown["state"], shown["error"], shown["request_id"]) == ("dead", "no", "r-1")
    assert [(error["attempt"], error["fate"]) for error in shown["errors"]] == [(1, "transient"), (2, "bug")]
    assert shown["errors"][1]["traceback"] == "Traceback: here"


def test_an_unknown_job_is_404(staff):
    answers = [
        staff.get(f"/api/jobs/{uuid4()}"),
        staff.post(f"/api/jobs/{uuid4()}/retry"),
        staff.post(f"/api/jobs/{uuid4()}/cancel"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]


def test_the_list_is_newest_first_and_bears_errors_without_tracebacks(staff, django_assert_max_num_queries):
    jobs = [a_job(JobState.DEAD) for _ in range(3)]
    for job in jobs:
        an_error(job, traceback="long")

    with django_assert_max_num_queries(8):
        answer = staff.get("/api/jobs").json()

    assert set(answer) == {"next", "previous", "results"}
    assert set(answer["results"][0]) >= ASKED_FOR
    created = [row["created_at"] for row in answer["results"]]
    assert created == sorted(created, reverse=True)
    assert "traceback" not in answer["results"][0]["errors"][0]


def test_the_list_is_filtered_by_state_name_and_queue(staff):
    wanted = a_job(JobState.DEAD, "a.b", "mail")
    other_state = a_job(JobState.QUEUED, "a.b", "mail")
    a_job(JobState.DEAD, "a.c", "mail")
    a_job(JobState.DEAD, "a.b", "push")

    one = staff.get("/api/jobs?state=dead&name=a.b&queue=mail")
    both = staff.get("/api/jobs?state=dead&state=queued&name=a.b&queue=mail")

    assert ids(one) == {str(wanted.pk)}
    assert ids(both) == {str(wanted.pk), str(other_state.pk)}


def test_a_state_that_does_not_exist_is_refused_by_name(staff):
    answer = staff.get("/api/jobs?state=lost")

    assert answer.status_code == 400
    assert list(answer.json()) == ["state"]


def test_a_dead_job_is_queued_again(staff):
    job = a_job(JobState.DEAD)

    answer = staff.post(f"/api/jobs/{job.pk}/retry")

    assert (answer.status_code, answer.json()["state"]) == (202, "queued")


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.SUCCEEDED, JobState.SCHEDULED])
def test_a_job_that_is_not_over_for_good_cannot_be_retried(staff, state):
    job = a_job(state)

    answer = staff.post(f"/api/jobs/{job.pk}/retry")

    assert answer.status_code == 409
    assert state in answer.json()["detail"]
    assert Job.objects.get().state == state


def test_a_waiting_job_is_cancelled_and_a_finished_one_is_not(staff):
    waiting, finished = a_job(JobState.SCHEDULED), a_job(JobState.SUCCEEDED)

    answers = [staff.post(f"/api/jobs/{job.pk}/cancel") for job in (waiting, finished)]

    assert [answer.status_code for answer in answers] == [202, 409]
    assert answers[0].json()["state"] == "cancelled"


def test_many_are_retried_by_state_and_name(staff):
    a_job(JobState.DEAD, "a.b")
    a_job(JobState.DEAD, "a.c")
    a_job(JobState.CANCELLED, "a.b")

    by_name = staff.post("/api/jobs/retry", {"state": "dead", "name": "a.b"}, content_type="application/json")
    all_dead = staff.post("/api/jobs/retry", {"state": "dead"}, content_type="application/json")

    assert (by_name.status_code, by_name.json()) == (202, {"retried": 1})
    assert all_dead.json() == {"retried": 1}
    assert Job.objects.filter(state=JobState.CANCELLED).count() == 1


@pytest.mark.parametrize(
    "body", [{}, {"state": "succeeded"}, {"state": "\ud800"}, {"state": "dead", "name": 0}]
)
def test_what_cannot_be_retried_is_refused(staff, body):
    assert staff.post("/api/jobs/retry", body, content_type="application/json").status_code == 400
