"""The pages."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Templates and forms over the same workflows as the API; no row of its own."""

    name = "web"
