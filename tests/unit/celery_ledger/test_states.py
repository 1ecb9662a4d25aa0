"""Every move between states: the table, the code and the page say the same."""

import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.utils import timezone

from celery_ledger import control, states
from celery_ledger.ledger import claims, due_jobs, inserts, rows, settlements
from celery_ledger.models import Job
from celery_ledger.states import FINISHED, MOVES, UNFINISHED, JobState
from tests.rows import a_job

PAGE = Path(states.__file__).parents[1] / "docs" / "jobs.md"


def new_job(job):
    fields = dict.fromkeys(
        ("run_at", "order_key", "unique_key", "share_key", "parent_id", "group_id", "group_index")
    )
    return rows.NewJob(
        **fields, id=str(job.pk), name="test.add", queue="mail", args=[1, 2], kwargs={}, canvas={}, headers={},
        max_attempts=5, delay_seconds=0.0, root_id=str(job.pk), request_id="",
    )  # fmt: skip


def expire(job):
    Job.objects.filter(pk=job.pk).update(expires_at=job.created_at - timedelta(seconds=1))
    settlements.cancel_expired(batch=10)


ACTS = {
    "take_due": lambda job: due_jobs.take_due(["mail"], batch=10, in_flight=10),
    "claim": lambda job: claims.claim(str(job.pk), uuid4(), "w@host/1", 60),
    "postpone": lambda job: claims.postpone(str(job.pk), 5),
    "line_up": lambda job: claims.line_up(str(job.pk)),
    "republish": lambda job: due_jobs.republish_unclaimed(0, batch=10),
    "unmark": lambda job: due_jobs.unmark_published([str(job.pk)]),
    "hand_back": lambda job: claims.hand_back(str(job.pk), "w@host/1"),
    "succeed": lambda job: settlements.settle_succeeded(str(job.pk), job.claim_token, None),
    "bury": lambda job: settlements.settle_dead(str(job.pk), job.claim_token, "why"),
    "stop": lambda job: settlements.settle_cancelled(str(job.pk), job.claim_token),
    "try again": lambda job: settlements.settle_retrying(str(job.pk), job.claim_token, "why", 5),
    "replace": lambda job: inserts.replace_running(new_job(job), job.claim_token),
    "await": lambda job: inserts.await_replacement(str(job.pk), job.claim_token),
    "replace awaiting": lambda job: inserts.replace_awaiting(new_job(job)),
    "bury awaiting": lambda job: inserts.bury_awaiting([str(job.pk)], "why"),
    "retry": lambda job: control.retry(job.pk),
    "cancel": lambda job: control.cancel(job.pk),
    "expire": expire,
}
#: A job awaits its replacement for ages; any other time stands for the rest.
RUN_AT = {"now": timedelta(seconds=-1), "in ages": timedelta(days=36_500)}


def observed(act, state, run_at):
    # A job that awaits its replacement has run.
    job = a_job(state, worker="w@host/1", attempts=1, run_at=timezone.now() + run_at)
    act(job)
    after = Job.objects.get(pk=job.pk).state
    job.delete()
    return (state, after)


@pytest.mark.django_db
def test_the_code_makes_the_moves_of_the_table_and_no_others():
    made = {
        observed(act, state, run_at)
        for act in ACTS.values()
        for state in JobState.values
        for run_at in RUN_AT.values()
    }

    allowed = {(str(start), str(end)) for start, ends in MOVES.items() for end in ends}
    assert {(start, end) for start, end in made if start != end} == allowed


def test_every_state_is_finished_or_not():
    assert set(FINISHED) | set(UNFINISHED) == set(JobState)
    assert not set(FINISHED) & set(UNFINISHED)
    assert set(MOVES) == set(JobState)


def test_the_page_draws_the_same_moves():
    drawn = set(re.findall(r"^    (\w+) --> (\w+):", PAGE.read_text(), re.MULTILINE))

    assert drawn == {(str(start), str(end)) for start, ends in MOVES.items() for end in ends}
