"""How Django loads the ledger."""

from importlib import import_module
from importlib.util import find_spec

import django
from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import autodiscover_modules

from celery_ledger import defaults, faultpoints, plain_logs


class LedgerConfig(AppConfig):
    """The ledger as an installed application."""

    name = "celery_ledger"
    verbose_name = "Background jobs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make the Celery application and every declared task known to this process."""
        # It registers itself, and looks at the database's settings: too early while this module is imported.
        from celery_ledger import checks  # noqa: F401, PLC0415

        plain_logs.configure_unless_configured()
        for name in filter(str.isupper, dir(defaults)):
            if not hasattr(settings, name):
                setattr(settings, name, getattr(defaults, name))
        # Every process that asks for a job needs the application, not only the worker.
        import_module(settings.CELERY_APP)
        # Celery's own discovery acts only in a worker. The web process asks for tasks by name and
        # checks their arguments, so it has to know them too.
        autodiscover_modules("tasks")
        _declare_task_of_django_tasks()
        if settings.FAULT_POINT is not None:
            faultpoints.arm(faultpoints.FaultPoint(*settings.FAULT_POINT, settings.OFFSTAGE_DATA / "faults"))


def _declare_task_of_django_tasks() -> None:
    """Let a worker run Django's tasks, whatever module declares them: they are imported when the first of them runs."""
    package = "django_tasks" if django.VERSION < (6, 0) else "django.tasks"
    if getattr(settings, "TASKS", None) and find_spec(package) is not None:
        import_module("celery_ledger.django_tasks.running")
