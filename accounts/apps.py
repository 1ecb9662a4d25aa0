"""The accounts feature as Django sees it."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, their projects, their browsers, and how they leave."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks of this app's settings, and what records and logs logins."""
        # They register themselves; the registry of models must be ready first.
        from accounts import checks  # noqa: F401, PLC0415
        from accounts.logins import active_logins, login_log  # noqa: F401, PLC0415
