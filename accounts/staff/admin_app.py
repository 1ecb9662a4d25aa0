"""Django's admin with our site in it; INSTALLED_APPS names this class."""

from django.contrib.admin.apps import AdminConfig


class StaffAdminConfig(AdminConfig):
    """The admin, whose login asks for a code where the user has two-factor authentication."""

    default_site = "accounts.staff.admin_site.StaffAdminSite"

    def ready(self) -> None:
        """Register what the apps say, then our own form of what libraries have registered."""
        super().ready()
        from django.contrib import admin  # noqa: PLC0415 (needs the apps to be loaded)
        from knox.models import AuthToken  # noqa: PLC0415

        from accounts.admin import TokenAdmin  # noqa: PLC0415

        admin.site.unregister(AuthToken)
        admin.site.register(AuthToken, TokenAdmin)
