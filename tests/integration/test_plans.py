"""Each hot statement of the ledger finds its rows off an index, however many settled ones lie beside them."""

import json
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from celery_ledger.ledger import claims, due_jobs, inserts, settlements
from celery_ledger.operations import listing, metrics, retention
from celery_ledger.publishing import shares
from celery_ledger.states import JobState
from tests.rows import a_job

SETTLED, BACKLOG = 30_000, 5_000
#: Rows that a statement may look at. The fewest that a wrong plan reads is the backlog.
FEW = 500

pytestmark = pytest.mark.django_db

_FILL = """
    insert into celery_ledger_job (id, root_id, name, queue, state, args, kwargs, canvas, headers, created_at, run_at,
        finished_at, attempts, max_attempts, attempts_before, publications, worker, unique_key, request_id, error)
    select id, id, 'test.' || n %% 7, 'mail', %(state)s::text, '[]', '{}', '{}', '{}', at, at,
        case when %(state)s::text <> 'queued' then at end, 1, 5, 0, 0, '', %(state)s::text || n, '', ''
    from generate_series(1, %(count)s::int) as n
    cross join lateral (select gen_random_uuid() as id, now() - n * interval '1 second' as at) as row
"""


def fill(state, count):
    with connection.cursor() as cursor:
        cursor.execute(_FILL, {"state": state, "count": count})


@pytest.fixture
def ledger():
    """A ledger of settled jobs whose statistics were taken before a backlog came, as after a quiet night."""
    fill("succeeded", SETTLED)
    fill("dead", SETTLED // 100)
    with connection.cursor() as cursor:
        cursor.execute("analyze celery_ledger_job")
    fill("queued", BACKLOG)


@contextmanager
def watched():
    """Collect the plan of every statement, each run as it would have been."""
    plans = []

    def run(execute, statement, parameters, many, context):
        verb = statement.split(maxsplit=1)[0].lower()
        if verb not in {"select", "with", "update", "delete"}:
            return execute(statement, parameters, many, context)
        execute("savepoint watched", (), False, context)
        execute(f"explain (analyze, format json) {statement}", parameters, many, context)
        plan = context["cursor"].fetchone()[0]
        plans.append((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
        execute("rollback to savepoint watched", (), False, context)
        return execute(statement, parameters, many, context)

    with connection.execute_wrapper(run):
        yield plans


def nodes(plan):
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def rows_of(node):
    if node["Node Type"] == "Bitmap Index Scan":
        return 0  # counts rows too that earlier tests have rolled back; the heap scan above it does not
    passed_over = node.get("Rows Removed by Filter", 0)
    return (node["Actual Rows"] + passed_over) * node["Actual Loops"]


def reads(act):
    """Run the act; return the indexes of the ledger that it read, and the most rows that one step looked at."""
    with watched() as plans:
        act()
    steps = [node for plan in plans for node in nodes(plan) if node["Actual Loops"]]
    assert not [
        step
        for step in steps
        if step.get("Relation Name") == "celery_ledger_job" and "Seq" in step["Node Type"]
    ]
    return {step["Index Name"] for step in steps if "Index Name" in step}, max(map(rows_of, steps))


HOT = {
    "take_due": (
        lambda: due_jobs.take_due(["mail"], batch=20, in_flight=100),
        {"ledger_job_due", "ledger_job_unclaimed"},
    ),
    "cancel_expired": (lambda: settlements.cancel_expired(batch=20), {"ledger_job_expiry"}),
    "next_due_seconds": (lambda: due_jobs.next_due_seconds(["mail"], 1.0), {"ledger_job_due"}),
    "take_stranded": (
        lambda: due_jobs.take_stranded(["push"], 0, batch=20),
        {"ledger_job_due", "ledger_job_share"},
    ),
    "republish_unclaimed": (lambda: due_jobs.republish_unclaimed(0, batch=20), {"ledger_job_unclaimed"}),
    "lock_lost": (lambda: settlements.lock_lost(batch=20), {"ledger_job_lease"}),
    "unique key": (lambda: inserts.id_of_unique_key("succeeded7"), {"ledger_job_unique_key"}),
    "active_by_worker": (metrics.active_by_worker, {"ledger_job_lease"}),
    "first page": (lambda: list(listing.matching(listing.Wanted())[:51]), {"ledger_job_newest"}),
    "a page of a rare name": (lambda: list(listing.matching(listing.Wanted(name="rare"))[:51]), {"ledger_job_kinds"}),
    "purge": (lambda: retention.purge(100), {"ledger_job_ended"}),
}  # fmt: skip


@pytest.mark.parametrize("name", HOT)
def test_a_hot_statement_reads_few_rows_off_its_index(ledger, settings, name):
    settings.JOB_RETENTION_DAYS = 1  # of 30,000 seconds nothing is that old: what is passed over counts
    act, indexes = HOT[name]

    read, rows = reads(act)

    assert indexes <= read
    assert rows <= FEW


def test_a_flood_behind_one_share_key_costs_no_more_than_one_job(ledger):
    with connection.cursor() as cursor:
        cursor.execute("update celery_ledger_job set share_key = 'flood' where state = 'queued'")
    single = a_job(share_key="single")

    taken = []
    indexes, rows = reads(
        lambda: taken.extend(shares.take_shared(["mail", "push"], batch=20, in_flight=100, share_in_flight=1))
    )
    unshared, few = reads(lambda: due_jobs.take_due(["mail"], batch=20, in_flight=100))

    assert (len(taken), str(single.pk) in {job.id for job in taken}) == (2, True)
    assert {"ledger_job_share", "ledger_job_share_held"} <= indexes
    assert "ledger_job_due" in unshared
    assert max(rows, few) <= FEW


def test_due_jobs_of_several_priorities_are_found_off_the_index(ledger):
    with connection.cursor() as cursor:
        cursor.execute("update celery_ledger_job set priority = seq % 5 - 2 where state = 'queued'")

    read, rows = reads(lambda: due_jobs.take_due(["mail"], batch=20, in_flight=100))

    assert "ledger_job_due" in read
    assert rows <= FEW


def test_the_live_jobs_are_counted_without_a_look_at_the_settled(ledger):
    indexes, rows = reads(metrics.live_counts)

    assert indexes == {"ledger_job_live"}
    assert rows <= BACKLOG + SETTLED // 100


def test_claim_and_settle_read_one_row(ledger):
    [job] = due_jobs.take_due(["mail"], batch=1, in_flight=10)
    token = uuid4()

    assert reads(lambda: claims.claim(job.id, token, "w@host/1", 60)) == ({"celery_ledger_job_pkey"}, 1)
    assert reads(lambda: settlements.settle_succeeded(job.id, token, None)) == ({"celery_ledger_job_pkey"}, 1)


def test_a_purge_passes_over_the_dead_that_stay_longer(ledger, settings):
    settings.JOB_RETENTION_DAYS = 1
    old = a_job(JobState.SUCCEEDED, finished_at=timezone.now() - timedelta(days=2))
    for _ in range(50):
        a_job(JobState.DEAD, finished_at=timezone.now() - timedelta(days=5))

    with watched() as plans:
        retention.purge(100)

    passed_over = [node.get("Rows Removed by Filter", 0) for plan in plans for node in nodes(plan)]
    assert sum(passed_over) == 0
    assert listing.one(old.pk) is None


def test_the_errors_of_a_scrape_are_found_by_their_time(ledger):
    attempts = metrics.Attempts()
    attempts.count(timezone.now())

    with connection.cursor() as cursor:
        cursor.execute(
            "insert into celery_ledger_error (job_id, attempt, at, worker, fate, error_class, message, traceback)"
            " select id, 1, created_at, '', 'bug', '', '', repeat('x', 500) from celery_ledger_job limit 20000"
        )
        cursor.execute("analyze celery_ledger_error")
    indexes, _ = reads(lambda: attempts.count(timezone.now()))

    assert {"ledger_job_ended", "ledger_error_at"} <= indexes
