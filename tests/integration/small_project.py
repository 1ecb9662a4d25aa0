"""A Django project that has nothing else of ours: what a page of the documentation shows, as it stands there."""

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import psycopg

from config import services
from config.env import ROOT

SHOWN = re.compile(r"^`([\w/]+\.py)`[^\n]*\n```python\n(.*?)```", re.MULTILINE | re.DOTALL)

#: What `django-admin startproject` writes, as far as it matters here.
STARTED = """
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "a key"
USE_TZ = True
INSTALLED_APPS = []
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": "alone",
    "USER": os.environ["PGUSER"],
    "HOST": os.environ["PGHOST"],
}}
EMAIL_HOST, EMAIL_PORT = "127.0.0.1", int(os.environ["SMTP_PORT"])
"""


def files_of(page):
    """Return what a page shows as files of a project: path and text."""
    return dict(SHOWN.findall(page))


class Project:
    """A Django project as a page of the documentation shows it, in a folder of its own.

    `python` is one that has the library installed; without it, the library of this checkout is linked
    into the project.
    """

    def __init__(self, folder, house, page, smtp_port=0, python=None):
        self.python = python or sys.executable
        self.folder = folder / "project"
        for name, text in {"mysite/settings.py": "", **files_of(page)}.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            (file.parent / "__init__.py").touch()
            file.write_text(STARTED + text if file.name == "settings.py" else text)
        if python is None:
            (self.folder / "celery_ledger").symlink_to(ROOT / "celery_ledger")
        urls = services.urls(house.env)
        self.database = urls.database
        parts = psycopg.conninfo.conninfo_to_dict(urls.database)
        kept = ("PATH", "HOME", "LANG", "TMPDIR")
        self.environ = {
            **{name: os.environ[name] for name in kept if name in os.environ},  # noqa: TID251
            "DJANGO_SETTINGS_MODULE": "mysite.settings",
            "PYTHONPATH": str(self.folder),
            "PGHOST": parts["host"],
            "PGUSER": parts["user"],
            "BROKER_URL": urls.broker,
            "CACHE_URL": urls.cache,
            "SMTP_PORT": str(smtp_port),
        }

    def add_to(self, name, text):
        """Append to one of the project's files."""
        file = self.folder / name
        file.write_text(f"{file.read_text()}\n{text}\n")

    def run(self, *command, fails=False):
        """Run the project's Python and return what it printed."""
        done = subprocess.run(
            [self.python, *command],
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stderr
        return (done.stderr if fails else done.stdout).strip()

    def start(self, *command):
        """Start the project's Python and return its process."""
        return subprocess.Popen(
            [self.python, *command],
            env=self.environ,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @contextmanager
    def running(self, *command):
        """Run the project's Python as long as the block lasts."""
        process = self.start(*command)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)

    def jobs(self):
        """Return name and state of every job."""
        with psycopg.connect(self.database, dbname="alone") as connection:
            return sorted(connection.execute("select name, state from celery_ledger_job").fetchall())

    def create_database(self):
        """Create the project's database and migrate it."""
        with psycopg.connect(self.database, autocommit=True) as admin:
            admin.execute("create database alone")
        self.run("-m", "django", "migrate", "--verbosity", "0")
