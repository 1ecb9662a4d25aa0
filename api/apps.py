"""What every endpoint shares: errors, idempotency, limits, lists, ranges."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The shared half of the HTTP interface; it knows no feature."""

    name = "api"
    default_auto_field = "django.db.models.BigAutoField"
