"""What staff sees of accounts."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.account_deletion.models import Deletion, DeletionStep
from accounts.exports.models import Export
from accounts.logins import two_factor_setup
from accounts.logins.models import ActiveLogin, TwoFactor
from accounts.models import Project, User
from accounts.passwords import password_reset
from accounts.push.models import PushSubscription
from accounts.webhooks.models import Webhook


class UserCreation(AdminUserCreationForm):  # type: ignore[type-arg]  # Django does not subscript it
    """A new user, by address."""

    class Meta:
        model = User
        fields = ("email",)
        field_classes: dict[str, Any] = {}


class PasswordChange(AdminPasswordChangeForm):  # type: ignore[type-arg]  # Django does not subscript it
    """Another password for a user, set by staff."""

    def set_password_and_save(self, user: User, *args: Any, **kwargs: Any) -> User:
        """Store it, end every login and every mailed link of the user, and mail a notice."""
        super().set_password_and_save(user, *args, **{**kwargs, "commit": False})  # type: ignore[misc]  # the stubs miss it
        password_reset.replace(user, user.password, timezone.now())
        return user


@admin.register(User)
class AccountAdmin(UserAdmin):  # type: ignore[type-arg]  # Django does not subscript it
    """Users; a deletion is asked for by the user and runs as jobs, so there is no button for it."""

    add_form = UserCreation
    change_password_form = PasswordChange
    list_display = ("email", "name", "verified_at", "is_active", "is_staff", "created_at")
    list_filter = ("is_staff", "is_active", ("verified_at", admin.EmptyFieldListFilter))
    search_fields = ("email", "name")
    ordering = ("-created_at",)
    readonly_fields = ("created_at", "last_login")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Dates", {"fields": ("verified_at", "created_at", "last_login")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "usable_password", "password1", "password2"), "classes": ("wide",)}),
    )

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Refuse: deleting the row alone would leave the user's files behind."""
        return False


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django does not subscript it
    """Projects."""

    list_display = ("name", "owner", "created_at")
    search_fields = ("name", "owner__email")
    raw_id_fields = ("owner",)


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]  # Django does not subscript it
    """Rows that workflows write and nobody else."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False


@admin.register(ActiveLogin)
class ActiveLoginAdmin(ReadOnly):
    """Logins by session and by token."""

    list_display = ("id", "user", "kind", "client", "created_at", "last_used_at", "expires_at")
    list_filter = ("kind",)
    exclude = ("token",)


class TokenAdmin(ReadOnly):
    """Bearer tokens, in the place of knox's own admin: whoever may change a token could give it another user."""

    list_display = ("user", "created", "expiry")
    fields = ("user", "created", "expiry")


@admin.register(TwoFactor)
class TwoFactorAdmin(ReadOnly):
    """Two-factor authentication; deleting it lets a user in who has lost both phone and recovery codes."""

    list_display = ("user", "created_at", "confirmed_at")
    exclude = ("sealed_key",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow it to whoever has the permission."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    def delete_model(self, request: HttpRequest, obj: TwoFactor) -> None:
        """Delete the key with its recovery codes, and mail a notice."""
        two_factor_setup.remove(obj.user_id)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[TwoFactor]) -> None:
        """Delete each as `delete_model` does."""
        for found in queryset:
            self.delete_model(request, found)


class DeletionStepInline(admin.TabularInline):  # type: ignore[type-arg]  # Django does not subscript it
    """The steps of a deletion."""

    model = DeletionStep
    fields = readonly_fields = ("name", "state", "deleted")
    extra = 0
    can_delete = False


@admin.register(Deletion)
class DeletionAdmin(ReadOnly):
    """Deletions."""

    list_display = ("user_id", "state", "created_at", "finished_at")
    list_filter = ("state",)
    exclude = ("sealed_address",)
    inlines = (DeletionStepInline,)


@admin.register(Export)
class ExportAdmin(ReadOnly):
    """Exports."""

    list_display = ("id", "user", "state", "created_at", "finished_at")
    list_filter = ("state",)


@admin.register(PushSubscription)
class PushSubscriptionAdmin(ReadOnly):
    """Browsers; their keys are not shown."""

    list_display = ("id", "user", "created_at")
    exclude = ("p256dh", "auth", "endpoint")


@admin.register(Webhook)
class WebhookAdmin(ReadOnly):
    """Webhooks; neither their secrets nor their addresses, which may hold a key, are shown."""

    list_display = ("id", "user", "events", "created_at")
    exclude = ("url", "sealed_secret")
