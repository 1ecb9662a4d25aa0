"""Which of the two interfaces is used, and when it may be imported."""

import subprocess
import sys

import django

from celery_ledger.django_tasks import interface
from config.env import ROOT

BEFORE_DJANGO = """
from django.conf import settings
settings.configure(TASKS={"default": {"BACKEND": "celery_ledger.django_tasks.LedgerBackend"}})
from PACKAGE import task
from tests.unit.celery_ledger.django_tasks import functions
task(functions.plain)
"""


def test_the_version_of_django_decides():
    package = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"

    assert interface.Task.__module__ == f"{package}.base"


def test_a_task_may_be_declared_before_django_is_set_up():
    package = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"

    done = subprocess.run(
        [sys.executable, "-c", BEFORE_DJANGO.replace("PACKAGE", package)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
