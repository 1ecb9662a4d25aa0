"""The accounts feature as Django sees it."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, their projects, their browsers, and how they leave."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks of this app's settings, and the log of its logins."""
        # They register themselves; the registry must be ready first.
        from accounts import checks, login_log  # noqa: F401, PLC0415
