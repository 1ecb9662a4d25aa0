"""The ledger in the admin."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from celery_ledger.models import Job
from celery_ledger.states import JobState
from tests.rows import a_job, an_error

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    client = Client()
    client.force_login(staff_with("view_job", "operate_job"))
    return client


def staff_with(*permissions):
    user = get_user_model().objects.create_user("staff@example.org", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def act(client, action, *jobs):
    chosen = {"action": action, "_selected_action": [str(job.pk) for job in jobs]}
    return client.post("/admin/celery_ledger/job/", chosen, follow=True)


def test_a_job_is_shown_with_its_tracebacks_and_nothing_can_be_changed(staff):
    job = a_job(JobState.DEAD)
    an_error(job, traceback="Traceback: in the third line")

    page = staff.get(f"/admin/celery_ledger/job/{job.pk}/change/").content.decode()

    assert "Traceback: in the third line" in page
    assert 'name="_save"' not in page
    assert staff.post(f"/admin/celery_ledger/job/{job.pk}/change/", {"state": "queued"}).status_code == 403
    assert staff.get("/admin/celery_ledger/job/add/").status_code == 403
    assert staff.get(f"/admin/celery_ledger/job/{job.pk}/delete/").status_code == 403


def test_the_list_is_filtered_by_state(staff):
    dead, queued = a_job(JobState.DEAD), a_job(JobState.QUEUED)

    page = staff.get("/admin/celery_ledger/job/?state__exact=dead").content.decode()

    assert str(dead.pk) in page
    assert str(queued.pk) not in page


def test_selected_jobs_are_retried_and_those_that_cannot_be_are_passed_over(staff):
    dead, running = a_job(JobState.DEAD), a_job(JobState.RUNNING)

    page = act(staff, "retry", dead, running).content.decode()

    assert "1 queued again." in page
    assert Job.objects.get(pk=dead.pk).state == JobState.QUEUED
    assert Job.objects.get(pk=running.pk).state == JobState.RUNNING


def test_selected_jobs_are_cancelled(staff):
    queued = a_job(JobState.QUEUED)

    act(staff, "cancel", queued)
    again = act(staff, "cancel", queued).content.decode()

    assert Job.objects.get().state == JobState.CANCELLED
    assert "All of them are finished." in again


def test_a_page_is_shown_without_reading_every_row(staff):
    for _ in range(101):  # a page has a hundred
        a_job(JobState.DEAD)

    with CaptureQueriesContext(connection) as asked:
        page = staff.get("/admin/celery_ledger/job/?queue=mail").content.decode()

    assert "?queue=maintenance" in page
    assert "name=test.add" in page
    statements = [query["sql"] for query in asked if 'FROM "celery_ledger_job"' in query["sql"]]
    assert statements
    assert [sql for sql in statements if "LIMIT" not in sql] == []


def test_staff_that_may_only_view_has_no_actions(client):
    job = a_job(JobState.DEAD)
    client.force_login(staff_with("view_job"))

    page = client.get("/admin/celery_ledger/job/").content.decode()
    act(client, "retry", job)

    assert str(job.pk) in page
    assert 'name="action"' not in page
    assert Job.objects.get().state == JobState.DEAD


def test_the_staff_flag_alone_shows_no_job(client):
    a_job(JobState.DEAD)
    client.force_login(staff_with())

    assert client.get("/admin/celery_ledger/job/").status_code == 403
