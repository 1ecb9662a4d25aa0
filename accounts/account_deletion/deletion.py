"""Leaving: the login ends at once, then everything goes in steps beside each other, then the user."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest

from accounts import extensions, queries
from accounts.account_deletion.models import Deletion, DeletionState, DeletionStep, StepName
from accounts.exports import export
from accounts.logins import active_logins, login
from accounts.mail import notices
from accounts.models import Project, User
from celery_ledger import checkpoint, chord, enqueue, group, step
from celery_ledger.canvas import Signature

log = structlog.get_logger(__name__)

BATCH_ROWS = 200


def request_deletion(request: HttpRequest | None, user: User, password: str) -> Deletion:
    """End every login of the user, free the address, and enqueue the deletion of all there is.

    Raises what `login.prove_password` raises. Twice: the deletion that runs already.
    """
    login.prove_password(request, user, password)
    with transaction.atomic():
        deletion, created = Deletion.objects.get_or_create(user_id=user.pk)
        if created:
            login.lock_proven(user)
            DeletionStep.objects.bulk_create(
                DeletionStep(deletion=deletion, name=name) for name in StepName.values
            )
            notices.enqueue_deletion_notice(deletion, user.email)
            _close_account(user)
            enqueue(work(str(deletion.pk)))
    log.info("deletion_requested", user_id=str(user.pk), is_new=created)
    return deletion


def work(deletion_id: str) -> Signature:
    """Return the jobs of a deletion: one for each step, side by side, then the user's row."""
    return chord(
        group(
            step("accounts.delete_projects", deletion_id),
            step("accounts.delete_files", deletion_id),
            step("accounts.delete_assets", deletion_id),
            step("accounts.delete_user_data", deletion_id),
        ),
        step("accounts.finish_deletion", deletion_id),
    )


def delete_projects(deletion_id: str) -> None:
    """Delete the user's projects. Twice: see `_erase`."""
    _erase(deletion_id, StepName.PROJECTS, _delete_some_projects)


def delete_files(deletion_id: str) -> None:
    """Delete the user's files. Twice: see `_erase`."""
    _erase(deletion_id, StepName.FILES, extensions.eraser(StepName.FILES))


def delete_assets(deletion_id: str) -> None:
    """Delete the user's assets. Twice: see `_erase`."""
    _erase(deletion_id, StepName.ASSETS, extensions.eraser(StepName.ASSETS))


def delete_user_data(deletion_id: str) -> None:
    """Delete tokens, browsers, webhooks, exports and stored answers. Twice: see `_erase`."""
    _erase(deletion_id, StepName.USER_DATA, _delete_some_user_data)


def finish(deletion_id: str, now: datetime) -> None:
    """Delete the user's row and all that still hangs on it. Twice: the second call changes nothing."""
    with transaction.atomic():
        running = queries.deletion(deletion_id).filter(state=DeletionState.RUNNING)
        if running.update(state=DeletionState.DONE, finished_at=now) != 1:
            return
        user_id = queries.deletion(deletion_id).values_list("user_id", flat=True).get()
        User.objects.filter(pk=user_id).delete()
    log.info("deletion_finished", user_id=str(user_id))


def _close_account(user: User) -> None:
    user.is_active = False
    # Frees the address for a new sign-up with the first commit.
    user.email = f"{user.pk}@deleted.invalid"
    user.name = ""
    user.set_unusable_password()
    user.save(update_fields=["is_active", "email", "name", "password"])
    active_logins.end_all(user.pk)


def _erase(deletion_id: str, name: StepName, erase_some: extensions.Eraser) -> None:
    """Delete batch after batch until nothing is left, then mark the step done.

    Twice: each batch commits together with its count, under a lock on the step's row, so the count is right
    whatever attempt was cut off where; a whole second run finds nothing to delete and counts nothing.
    """
    user_id = queries.deletion(deletion_id).values_list("user_id", flat=True).get()
    while _erase_batch(deletion_id, name, user_id, erase_some):
        checkpoint()
    queries.deletion_step(deletion_id, name).update(state=DeletionState.DONE)
    log.info("deletion_step_done", step=name.value, user_id=str(user_id))


@transaction.atomic
def _erase_batch(deletion_id: str, name: StepName, user_id: UUID, erase_some: extensions.Eraser) -> int:
    step_row = queries.deletion_step(deletion_id, name).select_for_update().get()
    deleted = erase_some(str(user_id))
    if deleted:
        queries.deletion_step(deletion_id, name).filter(pk=step_row.pk).update(deleted=F("deleted") + deleted)
    return deleted


def _delete_some_projects(user_id: str) -> int:
    some = queries.projects_of(user_id).order_by("pk").values_list("pk", flat=True)[:BATCH_ROWS]
    # Counted by model: the total of delete() has the rows in it that Django changes along with them.
    return Project.objects.filter(pk__in=list(some)).delete()[1].get("accounts.Project", 0)


def _delete_some_user_data(user_id: str) -> int:
    deletes: tuple[Callable[[], tuple[int, dict[str, int]]], ...] = (
        queries.login_tokens(user_id).delete,
        queries.logins_of(user_id).delete,
        queries.two_factor_of(user_id).delete,
        queries.recovery_codes_of(user_id).delete,
        queries.mailed_tokens_of(user_id).delete,
        queries.push_subscriptions_of(user_id).delete,
        queries.webhooks_of(user_id).delete,
        queries.stored_answers_of(user_id).delete,
    )
    return export.discard(queries.exports_of(user_id)) + sum(delete()[0] for delete in deletes)
