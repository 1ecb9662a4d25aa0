"""The ledger on the command line."""

import json
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from celery_ledger.models import BeatEntry, Job
from celery_ledger.states import JobState
from tests.rows import a_job, an_error

pytestmark = pytest.mark.django_db


class Terminal(StringIO):
    def isatty(self):
        return True


def jobs(*arguments, out=None):
    out = out or StringIO()
    call_command("jobs", *arguments, stdout=out)
    return out.getvalue()


def exit_status(*arguments):
    with pytest.raises(CommandError) as refused:
        jobs(*arguments)
    return refused.value.returncode


def test_the_list_is_lines_with_tabs_where_a_program_reads():
    a_job(JobState.DEAD, "a.b", error="two\nlines")
    a_job(JobState.QUEUED, "a.c")

    header, *rows = jobs("list", "--state", "dead").splitlines()

    assert header.split("\t")[:4] == ["id", "name", "queue", "state"]
    assert [row.split("\t")[1:4] for row in rows] == [["a.b", "mail", "dead"]]
    assert rows[0].endswith("two lines")


def test_the_list_is_a_table_on_a_terminal():
    a_job(JobState.DEAD, "a.b")

    assert "┃" in jobs("list", out=Terminal())


def test_json_is_what_the_api_shows():
    job = a_job(JobState.DEAD)
    an_error(job, traceback="Traceback")

    listed, shown = json.loads(jobs("list", "--json")), json.loads(jobs("show", str(job.pk), "--json"))

    assert listed[0]["id"] == shown["id"] == str(job.pk)
    assert shown["errors"][0]["traceback"] == "Traceback"


def test_a_job_is_shown_with_its_tracebacks():
    job = a_job(JobState.DEAD, request_id="r-7")
    an_error(job, fate="timeout", traceback="Traceback: there")

    shown = jobs("show", str(job.pk))

    assert "request_id\tr-7" in shown
    assert "attempt 1" in shown
    assert "timeout" in shown
    assert "Traceback: there" in shown


def test_a_dry_run_counts_and_changes_nothing():
    a_job(JobState.DEAD)

    said = jobs("retry", "--state", "dead", "--dry-run")

    assert said.strip() == "1 would be retried"
    assert Job.objects.get().state == JobState.DEAD


def test_jobs_are_retried_by_id_or_by_filter():
    one, _two = a_job(JobState.DEAD), a_job(JobState.DEAD)

    by_id, by_filter = jobs("retry", str(one.pk)), jobs("retry", "--queue", "mail")

    assert (by_id.strip(), by_filter.strip()) == ("1 retried", "1 retried")
    assert Job.objects.filter(state=JobState.QUEUED).count() == 2


def test_unfinished_jobs_are_cancelled():
    a_job(JobState.SCHEDULED, "a.b")
    a_job(JobState.SCHEDULED, "a.c")

    assert json.loads(jobs("cancel", "--name", "a.b", "--json")) == {"cancelled": 1}


def test_stats_count_by_queue_task_and_state():
    a_job(JobState.DEAD, "a.b", "mail")

    assert json.loads(jobs("stats", "--json")) == [
        {"name": "a.b", "queue": "mail", "state": "dead", "count": 1}
    ]


def test_what_is_refused_is_listed_entries_first():
    BeatEntry.objects.create(name="sound")
    BeatEntry.objects.create(name="misspelt", refused="ValueError: no", refused_at=timezone.now())
    job = a_job(JobState.DEAD, "a.b")
    an_error(job, "set_aside", message="QueueNotFound: gone", traceback="long")
    an_error(a_job(JobState.SUCCEEDED, "a.c"), "refused", message="a.d cannot follow")
    an_error(a_job(JobState.DEAD, "a.e"))

    header, *rows = (row.split("\t") for row in jobs("refused").splitlines())

    assert header == ["kind", "name", "id", "at", "reason"]
    assert [(kind, name, reason) for kind, name, _id, _at, reason in rows] == [
        ("schedule", "misspelt", "ValueError: no"),
        ("refused", "a.c", "a.d cannot follow"),
        ("set_aside", "a.b", "QueueNotFound: gone"),
    ]
    assert [row["id"] for row in json.loads(jobs("refused", "--json", "--limit", "1"))] == ["", rows[1][2]]


def test_purge_deletes_old_settled_jobs_batch_by_batch():
    for _ in range(3):
        a_job(JobState.SUCCEEDED, finished_at="2020-01-01T00:00Z")
    young = a_job(JobState.SUCCEEDED)

    assert jobs("purge", "--batch", "2").strip() == "3 purged"
    assert Job.objects.get() == young


def test_nothing_to_do_is_status_1():
    assert exit_status("show", str(uuid4())) == 1
    assert exit_status("retry", str(uuid4())) == 1
    assert exit_status("cancel", "--queue", "mail") == 1


def test_a_bulk_act_without_a_filter_is_status_2():
    job = a_job(JobState.DEAD)

    assert exit_status("retry") == 2
    assert exit_status("retry", str(job.pk), "--state", "dead") == 2
    assert Job.objects.get().state == JobState.DEAD
