"""The reports app."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Figures, daily and weekly reports, recurring clean-up."""

    name = "reports"
    verbose_name = "Reports"
    default_auto_field = "django.db.models.BigAutoField"
