"""The schedule in the admin: django-celery-beat's page with a mark at each entry that is refused, and the policies."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django_celery_beat.admin import PeriodicTaskAdmin
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from celery_ledger.models import BeatEntry
from celery_ledger.schedule.schedule_entries import WITHDRAWN

admin.site.unregister(PeriodicTask)


@admin.register(PeriodicTask)
class MarkedPeriodicTaskAdmin(PeriodicTaskAdmin):  # type: ignore[misc]  # the library is untyped
    """Entries of the schedule, each with what beat says of it."""

    list_display = (*PeriodicTaskAdmin.list_display, "state")
    readonly_fields = (*PeriodicTaskAdmin.readonly_fields, "state")
    fieldsets = ((None, {"fields": ("state",)}), *PeriodicTaskAdmin.fieldsets)

    @admin.display(description="Beat")
    def state(self, task: Any) -> str:
        """Return why beat refuses the entry, and whether it comes from the code."""
        known = BeatEntry.objects.filter(name=task.name).first()
        if known is None:
            return ""
        if known.refused:
            return f"refused: {known.refused}"
        if known.shipped == WITHDRAWN:
            return "disabled: the code no longer has it"
        # An edit lasts until a release changes the entry; one that is deleted comes back.
        return "from the code: edits last until a release changes it; disable it, do not delete" * bool(
            known.shipped
        )


@admin.register(BeatEntry)
class BeatEntryAdmin(admin.ModelAdmin[BeatEntry]):
    """What becomes of the missed ticks of each entry, and why one is refused."""

    list_display = ("name", "missed", "refused", "refused_at")
    list_editable = ("missed",)
    readonly_fields = ("name", "refused", "refused_at", "plan", "owed_since")
    search_fields = ("name",)

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """Never: beat adds them."""
        return False

    def save_model(self, request: HttpRequest, obj: BeatEntry, form: Any, change: bool) -> None:
        """Save the policy, and let a running beat read it."""
        super().save_model(request, obj, form, change)
        PeriodicTasks.update_changed()
