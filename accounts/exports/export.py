"""All that is stored about a user, as a ZIP."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import structlog
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import extensions, queries
from accounts.exports.models import Export, ExportState
from accounts.mail import notices
from accounts.models import User
from api import bucket
from celery_ledger import checkpoint, enqueue

log = structlog.get_logger(__name__)

KEPT_FOR = timedelta(days=7)
UNFINISHED_KEPT_FOR = timedelta(days=1)
_LOGIN_FIELDS = ("id", "kind", "client", "created_at", "last_used_at", "expires_at")


@transaction.atomic
def request_export(user: User) -> Export:
    """Return an export that is being written, and enqueue the writing.

    Twice: the same export while it runs; the second job runs after the first and finds it written. An export that is
    ready is replaced, and deleted, once the new one is ready: a user has at most one archive.
    """
    wanted, _ = Export.objects.get_or_create(user=user, state=ExportState.RUNNING)
    # In order: two jobs at once would write the same archive twice, and a dead one is tried again by asking again.
    enqueue("accounts.write_export", str(wanted.pk), order_key=f"export:{user.pk}")
    log.info("export_requested", export_id=str(wanted.pk), user_id=str(user.pk))
    return wanted


def write(export_id: str) -> None:
    """Write the archive, into the bucket where there is one, mark the export ready, mail a notice, delete older ones.

    Twice: nothing more once it is ready. Written under a temporary name, renamed or sent, then recorded: an attempt
    that was cut off leaves nothing that anyone could download.
    """
    wanted = queries.running_export(export_id).select_related("user").first()
    if wanted is None:
        _discard_older(export_id)
        log.info("export_not_needed", export_id=export_id)
        return
    path = archive_path(wanted.pk)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.stem}.{uuid4().hex}.part")
    try:
        _write_archive(draft, wanted.user)
        if bucket.is_used():
            bucket.put(_key(wanted.pk), draft)
        else:
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    if _mark_ready(wanted):
        _discard_older(export_id)
    elif not Export.objects.filter(pk=export_id).exists():
        _remove_archives([wanted.pk])  # the user left meanwhile
    log.info("export_written", export_id=export_id, user_id=str(wanted.user_id))


def archive_path(export_id: UUID) -> Path:
    """Return where the archive of an export is or will be."""
    folder: Path = settings.OFFSTAGE_DATA / "exports"
    return folder / f"{export_id}.zip"


@contextmanager
def archive(wanted: Export) -> Iterator[Path]:
    """Lend the archive's file to the block, which may open it; there is none at the path where the archive is gone.

    From a bucket it is fetched each time: a copy that stays here would outlive the account.
    """
    path = archive_path(wanted.pk)
    if path.exists() or not bucket.is_used():
        yield path
        return
    copy = path.with_name(f"{path.stem}.{uuid4().hex}.part")
    copy.parent.mkdir(parents=True, exist_ok=True)
    try:
        _fetch(wanted, copy)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def discard(exports: QuerySet[Export]) -> int:
    """Delete these exports with their archives and return how many. Twice: the second call finds none."""
    ids = list(exports.values_list("pk", flat=True))
    _remove_archives(ids)
    return Export.objects.filter(pk__in=ids).delete()[0]


def forget_expired(now: datetime) -> int:
    """Delete exports after seven days, and drafts that a killed worker left. Twice: nothing more."""
    oldest = (now - UNFINISHED_KEPT_FOR).timestamp()
    for draft in (settings.OFFSTAGE_DATA / "exports").glob("*.part"):
        if draft.stat().st_mtime < oldest:
            draft.unlink(missing_ok=True)
    return discard(queries.exports_before(now - KEPT_FOR))


@transaction.atomic
def _mark_ready(wanted: Export) -> bool:
    # By the export's row alone: a condition on the user's row is not evaluated again after waiting for a lock.
    running = Export.objects.filter(pk=wanted.pk, state=ExportState.RUNNING)
    if running.update(state=ExportState.READY, finished_at=timezone.now()) != 1:
        return False
    notices.enqueue_notice(wanted.user_id, notices.EXPORT_READY)
    return True


def _discard_older(export_id: str) -> None:
    """Delete the archives that a ready export replaces. Twice: the second call finds none."""
    ready = Export.objects.filter(pk=export_id, state=ExportState.READY).first()
    if ready is not None:
        discard(queries.ready_exports_of(ready.user_id).filter(created_at__lt=ready.created_at))


def _fetch(wanted: Export, copy: Path) -> None:
    try:
        bucket.fetch_all([(_key(wanted.pk), copy)])
    except FileNotFoundError:
        return
    if wanted.finished_at is not None:
        # The same time at each fetch, so the same ETag: a download that broke off goes on.
        os.utime(copy, (wanted.finished_at.timestamp(),) * 2)


def _remove_archives(ids: list[UUID]) -> None:
    for export_id in ids:
        archive_path(export_id).unlink(missing_ok=True)
    if ids and bucket.is_used():
        bucket.remove(_key(export_id) for export_id in ids)


def _key(export_id: UUID) -> str:
    return f"exports/{archive_path(export_id).name}"


def _write_archive(path: Path, user: User) -> None:
    with path.open("wb") as file:
        with ZipFile(file, "w", ZIP_DEFLATED) as archive:
            for name, content in _contents(user):
                checkpoint()
                if isinstance(content, Path):
                    # Videos and pictures are compressed already.
                    archive.write(content, name, compress_type=ZIP_STORED)
                else:
                    archive.writestr(name, json.dumps(content, indent=2, cls=DjangoJSONEncoder))
        file.flush()
        os.fsync(file.fileno())


def _contents(user: User) -> Iterator[tuple[str, extensions.type_of_json | Path]]:
    yield "profile.json", _profile(user)
    yield (
        "projects.json",
        list(queries.projects_of(user.pk).order_by("created_at").values("id", "name", "created_at")),
    )
    yield "browsers.json", list(queries.push_subscriptions_of(user.pk).values("endpoint", "created_at"))
    yield (
        "webhooks.json",
        list(queries.webhooks_of(user.pk).order_by("created_at").values("id", "url", "events", "created_at")),
    )
    yield (
        "logins.json",
        list(queries.logins_of(user.pk).order_by("created_at").values(*_LOGIN_FIELDS)),
    )
    for exporter in extensions.exporters():
        yield from exporter(str(user.pk))


def _profile(user: User) -> dict[str, object]:
    fields = ("id", "email", "name", "created_at", "verified_at", "last_login")
    return {name: getattr(user, name) for name in fields}
