"""The reports' staff API, from outside."""

from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from celery_ledger.models import Job
from reports.build import build
from reports.models import Report

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    return client_of("staff@example.org", "view_report", "add_report", is_staff=True)


def client_of(email, *permissions, **fields):
    client = Client()
    user = get_user_model().objects.create_user(email, **fields)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def wish(client, **body):
    return client.post("/api/reports", body, content_type="application/json")


def test_a_report_is_accepted_and_its_files_come_later(staff):
    answer = wish(staff, kind="daily", day="2026-01-05")

    shown = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/reports/{shown['id']}"
    assert (shown["kind"], shown["state"], shown["html"]) == ("daily", "queued", None)
    assert (shown["period_start"], shown["period_end"]) == ("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z")


def test_the_same_wish_gets_the_same_report(staff):
    first, second = wish(staff, kind="weekly").json(), wish(staff, kind="weekly").json()

    assert first["id"] == second["id"]
    assert Job.objects.count() == 1


def test_a_ready_reports_files_are_downloaded(staff):
    report_id = wish(staff, kind="daily").json()["id"]
    build(report_id, timezone.now())

    shown = staff.get(f"/api/reports/{report_id}/").json()
    answers = {form: staff.get(shown[form]) for form in ("html", "csv", "pdf")}

    assert shown["state"] == "ready"
    assert [answer.status_code for answer in answers.values()] == [200, 200, 200]
    assert answers["pdf"].content.startswith(b"%PDF")
    assert answers["csv"].headers["Content-Type"].startswith("text/csv")
    assert "default-src 'none'" in answers["html"].headers["Content-Security-Policy"]
    assert staff.get("/api/reports").json()["results"] == [shown]


def test_a_file_that_is_not_there_yet_is_404(staff):
    report_id = wish(staff, kind="daily").json()["id"]

    assert staff.get(f"/api/reports/{report_id}/file.pdf").status_code == 404
    assert staff.get(f"/api/reports/{report_id}/file.exe").status_code == 404
    assert staff.get(f"/api/reports/{uuid4()}").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "kind"),
        ({"kind": "yearly"}, "kind"),
        ({"kind": "daily", "day": "soon"}, "day"),
        ({"kind": "daily", "day": "2999-01-01"}, "day"),
        ({"kind": "weekly", "day": "9999-12-31"}, "day"),
        ({"kind": "\ud800"}, "kind"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_by_field(staff, body, field):
    answer = wish(staff, **body)

    assert answer.status_code == 400
    assert list(answer.json()) == [field]


def test_only_staff_may(staff):
    report_id = wish(staff, kind="daily").json()["id"]
    build(report_id, timezone.now())
    paths = ["/api/reports", f"/api/reports/{report_id}", f"/api/reports/{report_id}/file.html"]

    for client, status in ((Client(), 401), (client_of("user@example.org"), 403)):
        assert [client.get(path).status_code for path in paths] == [status] * 3
        assert wish(client, kind="weekly").status_code == status
    assert Report.objects.count() == 1


def test_staff_needs_the_permission_for_what_it_does(staff):
    reader = client_of("reader@example.org", "view_report", is_staff=True)
    nothing = client_of("nothing@example.org", is_staff=True)
    root = client_of("root@example.org", is_staff=True, is_superuser=True)

    seen = [
        (each.get("/api/reports").status_code, wish(each, kind="daily").status_code)
        for each in (reader, nothing, root)
    ]

    assert seen == [(200, 403), (403, 403), (200, 202)]
