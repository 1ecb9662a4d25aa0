"""`manage.py jobs`: the ledger on the command line. Filters and acts are those of the API."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from celery_ledger.extras import needs
from celery_ledger.models import Job
from celery_ledger.operations import bulk, listing, retention
from celery_ledger.states import UNFINISHED, JobState

with needs("cli"):
    from rest_framework.utils.encoders import JSONEncoder
    from rich.console import Console
    from rich.table import Table

    from celery_ledger.api.serializers import RETRYABLE, JobSerializer, JobWithTracebacksSerializer

COLUMNS = (
    "id",
    "name",
    "queue",
    "state",
    "attempts",
    "max_attempts",
    "run_at",
    "created_at",
    "worker",
    "error",
)
FACTS = (
    *COLUMNS[:-1], "published_at", "started_at", "finished_at", "lease_until", "args", "kwargs", "result",
    "order_key", "root_id", "parent_id", "request_id", "error",
)  # fmt: skip


class Command(BaseCommand):
    """List, show, retry, cancel, count and purge jobs; list what is refused.

    Exit status: 0 done, 1 nothing was there to be done, 2 the command line makes no sense.
    """

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the acts and their filters."""
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")

        def act(name: str, description: str) -> ArgumentParser:
            sub: ArgumentParser = acts.add_parser(name, help=description, description=description)
            sub.add_argument("--json", action="store_true", help="print JSON")
            return sub

        some = act("list", "List jobs, newest first.")
        _add_filters(some, list(JobState.values))
        some.add_argument("--limit", type=int, default=50, help="how many at most (default 50)")
        act("show", "Show one job with every error.").add_argument("id", type=UUID)
        _add_bulk(act("retry", "Queue dead or cancelled jobs again, their attempts anew."), RETRYABLE)
        _add_bulk(act("cancel", "Cancel waiting jobs, ask running ones to stop."), UNFINISHED)
        act("stats", "Count jobs by task, queue and state.")
        bad = act(
            "refused", "List schedule entries that cannot tick, jobs set aside and steps that cannot follow."
        )
        bad.add_argument("--limit", type=int, default=50, help="how many jobs at most (default 50)")
        old = act("purge", "Delete settled jobs that are older than JOB_RETENTION_DAYS.")
        old.add_argument("--batch", type=int, default=retention.BATCH, help="jobs of one statement")

    def handle(self, *_args: Any, act: str, **options: Any) -> None:
        """Do the act."""
        getattr(self, f"_{act}")(**options)

    def _list(self, *, limit: int, **options: Any) -> None:
        jobs = listing.without_tracebacks(listing.matching(_wanted(**options))[:limit])
        self._print(
            [dict(job) for job in JobSerializer(jobs, many=True).data], COLUMNS, as_json=options["json"]
        )

    def _show(self, *, id: UUID, **options: Any) -> None:  # noqa: A002 - the argument's name on the command line
        job = listing.one(id)
        if job is None:
            raise CommandError(f"there is no job {id}", returncode=1)
        shown = dict(JobWithTracebacksSerializer(job).data)
        if options["json"]:
            self._print_json(shown)
            return
        self._print([{"field": name, "value": shown[name]} for name in FACTS], ("field", "value"))
        for failure in shown["errors"]:
            self.stdout.write(
                f"\nattempt {failure['attempt']} at {failure['at']} on {failure['worker']}: {failure['fate']}\n"
            )
            self.stdout.write(failure["traceback"] or failure["message"])

    def _retry(self, **options: Any) -> None:
        self._change(RETRYABLE, bulk.retry, "retried", **options)

    def _cancel(self, **options: Any) -> None:
        self._change(UNFINISHED, bulk.cancel, "cancelled", **options)

    def _stats(self, **options: Any) -> None:
        rows = sorted(listing.tallies(JobState.values), key=lambda row: (row.queue, row.name, row.state))
        self._print([vars(row) for row in rows], ("queue", "name", "state", "count"), as_json=options["json"])

    def _refused(self, *, limit: int, **options: Any) -> None:
        rows = [vars(refusal) for refusal in listing.refusals(limit)]
        self._print(rows, ("kind", "name", "id", "at", "reason"), as_json=options["json"])

    def _purge(self, *, batch: int, **options: Any) -> None:
        deleted = 0
        while count := retention.purge(batch):
            deleted += count
        self._say("purged", deleted, **options)

    def _change(
        self,
        states: Sequence[str],
        change: Callable[[QuerySet[Job]], int],
        word: str,
        *,
        dry_run: bool,
        **options: Any,
    ) -> None:
        chosen = _chosen(states, **options)
        count = chosen.count() if dry_run else change(chosen)
        self._say(f"would be {word}" if dry_run else word, count, **options)
        if not count:
            raise CommandError(f"no job to be {word}: only {', '.join(states)} ones can be", returncode=1)

    def _say(self, word: str, count: int, **options: Any) -> None:
        if options["json"]:
            self._print_json({word.replace(" ", "_"): count})
        else:
            self.stdout.write(f"{count} {word}")

    def _print(
        self, rows: Iterable[dict[str, Any]], columns: Sequence[str], *, as_json: bool = False
    ) -> None:
        rows = list(rows)
        if as_json:
            self._print_json(rows)
        elif self.stdout.isatty():
            self._print_table(rows, columns)
        else:
            self.stdout.write("\t".join(columns))
            for row in rows:
                self.stdout.write("\t".join(_one_line(row[column]) for column in columns))

    def _print_table(self, rows: list[dict[str, Any]], columns: Sequence[str]) -> None:
        table = Table(*columns, highlight=True)
        for row in rows:
            table.add_row(*(_one_line(row[column]) for column in columns))
        Console(file=self.stdout).print(table)  # type: ignore[arg-type]  # OutputWrapper passes on all that rich asks for

    def _print_json(self, value: Any) -> None:
        self.stdout.write(json.dumps(value, cls=JSONEncoder, indent=2))


def _add_filters(parser: ArgumentParser, states: Sequence[str]) -> None:
    parser.add_argument(
        "--state", action="append", choices=[str(state) for state in states], help="may be repeated"
    )
    parser.add_argument("--name", default="", help="name of a task")
    parser.add_argument("--queue", default="")


def _add_bulk(parser: ArgumentParser, states: Sequence[str]) -> None:
    parser.add_argument("ids", nargs="*", type=UUID, metavar="ID", help="these; or choose by filter")
    _add_filters(parser, states)
    parser.add_argument("--dry-run", action="store_true", help="say how many it would be, and change nothing")


def _wanted(*, state: list[str] | None, name: str, queue: str, **_options: Any) -> listing.Wanted:
    return listing.Wanted(tuple(state or ()), name, queue)


def _chosen(states: Sequence[str], *, ids: list[UUID], **options: Any) -> QuerySet[Job]:
    wanted = _wanted(**options)
    if bool(ids) == (not wanted.is_everything):
        raise CommandError("name jobs by id, or choose them by --state, --name or --queue", returncode=2)
    return listing.in_states(listing.named(ids) if ids else listing.matching(wanted), states)


def _one_line(value: Any) -> str:
    text = "" if value is None else str(value)
    return " ".join(text.split())
