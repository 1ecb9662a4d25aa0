"""The ledger in the admin: read only, with the two acts that a person may do."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from celery import current_app
from django.apps import apps
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from celery_ledger.models import Job, JobError
from celery_ledger.operations import bulk, listing
from celery_ledger.operations.listing import Wanted


class _ReadOnly:
    """A ledger is not edited by hand: a row that changed without its transition is a lie."""

    def has_add_permission(self, _request: HttpRequest, _obj: object = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: object = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: object = None) -> bool:
        """Never; retention deletes."""
        return False

    def has_view_permission(self, request: HttpRequest, _obj: Any = None) -> bool:
        """Staff with the permission to view jobs, as in the API."""
        return request.user.has_perm("celery_ledger.view_job")


class Errors(_ReadOnly, admin.StackedInline[JobError, Job]):
    """Each failed attempt, with its traceback."""

    model = JobError
    fields = ("attempt", "at", "worker", "fate", "error_class", "message", "traceback")
    readonly_fields = fields
    extra = 0


class Newest(Paginator[Job]):
    """The newest jobs of those that match: to count millions of rows would hold up the page when it is needed."""

    SHOWN = 10_000

    @cached_property
    def count(self) -> int:
        """How many there are, at most SHOWN."""
        newest: QuerySet[Job] = self.object_list[: self.SHOWN]  # type: ignore[assignment]  # a list has no count
        return newest.count()


class _Declared(admin.SimpleListFilter):
    """A filter whose choices this release declares: to read them off the rows would read all of them."""

    def lookups(self, _request: HttpRequest, _model_admin: admin.ModelAdmin[Job]) -> list[tuple[str, str]]:
        """Return the choices."""
        return [(name, name) for name in sorted(self.declared())]

    def declared(self) -> Iterable[str]:
        """Return the names that this release knows."""
        raise NotImplementedError

    def queryset(self, _request: HttpRequest, jobs: QuerySet[Job]) -> QuerySet[Job]:
        """Return the jobs of the chosen one, all where none is."""
        return listing.narrowed(jobs, self.wanted(self.value() or ""))

    def wanted(self, chosen: str) -> Wanted:
        """Return the filter that a choice stands for."""
        raise NotImplementedError


class ByQueue(_Declared):
    """Jobs of one queue."""

    title = parameter_name = "queue"

    def declared(self) -> Iterable[str]:
        """Return the queues."""
        return map(str, current_app.amqp.queues)

    def wanted(self, chosen: str) -> Wanted:
        """Return the filter."""
        return Wanted(queue=chosen)


class ByName(_Declared):
    """Jobs of one task."""

    title = parameter_name = "name"

    def declared(self) -> Iterable[str]:
        """Return the tasks, without Celery's own."""
        return (name for name in current_app.tasks if not name.startswith("celery."))

    def wanted(self, chosen: str) -> Wanted:
        """Return the filter."""
        return Wanted(name=chosen)


@admin.register(Job)
class JobAdmin(_ReadOnly, admin.ModelAdmin[Job]):
    """Jobs, newest first."""

    list_display = ("name", "state", "queue", "attempts", "run_at", "created_at", "finished_at", "error")
    list_filter = ("state", ByQueue, ByName)
    paginator = Newest
    search_fields = ("id", "root_id", "request_id", "name")
    search_help_text = "Id of a job, of its family or of the request; or a task's name"
    date_hierarchy = None
    ordering = ("-created_at", "-id")
    # As in Newest.
    show_full_result_count = False
    inlines = (Errors,)
    actions = ("retry", "cancel")

    def get_readonly_fields(self, _request: HttpRequest, _obj: Job | None = None) -> list[str]:
        """Return every field."""
        return [field.name for field in Job._meta.fields]  # noqa: SLF001 - Django's documented way

    @admin.action(description="Retry the selected dead or cancelled jobs", permissions=["operate"])
    def retry(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        """Queue the selected ones again."""
        self._tell(request, bulk.retry(jobs), "queued again", "Only dead and cancelled jobs can be retried.")

    @admin.action(description="Cancel the selected unfinished jobs", permissions=["operate"])
    def cancel(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        """Cancel the selected ones."""
        self._tell(request, bulk.cancel(jobs), "cancelled or asked to stop", "All of them are finished.")

    def _tell(self, request: HttpRequest, count: int, done: str, otherwise: str) -> None:
        text, level = (f"{count} {done}.", messages.SUCCESS) if count else (otherwise, messages.WARNING)
        self.message_user(request, text, level)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Staff with the permission to operate jobs, as in the API."""
        return request.user.has_perm("celery_ledger.operate_job")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """As for one job."""
        return self.has_view_permission(request)


if apps.is_installed("django_celery_beat"):
    import_module("celery_ledger.schedule.beat_admin")
