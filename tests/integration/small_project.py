"""A Django project that has nothing else of ours: what a page of the documentation shows, as it stands there."""

import os
import re
import subprocess
import sys

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
    """A Django project as a page of the documentation shows it, with `jobs` copied into it by a link."""

    def __init__(self, folder, house, page, smtp_port=0):
        self.folder = folder / "project"
        for name, text in {"mysite/settings.py": "", **files_of(page)}.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            (file.parent / "__init__.py").touch()
            file.write_text(STARTED + text if file.name == "settings.py" else text)
        (self.folder / "jobs").symlink_to(ROOT / "jobs")
        urls = services.urls(house.env)
        self.database = urls.database
        parts = psycopg.conninfo.conninfo_to_dict(urls.database)
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("JOB_")},  # noqa: TID251
            "DJANGO_SETTINGS_MODULE": "mysite.settings",
            "PGHOST": parts["host"],
            "PGUSER": parts["user"],
            "BROKER_URL": urls.broker,
            "CACHE_URL": urls.cache,
            "SMTP_PORT": str(smtp_port),
            "REMAP_SIGTERM": "SIGQUIT",
        }

    def run(self, *command):
        done = subprocess.run(
            [sys.executable, *command],
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self, *command):
        return subprocess.Popen(
            [sys.executable, *command],
            env=self.environ,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def create_database(self):
        with psycopg.connect(self.database, autocommit=True) as admin:
            admin.execute("create database alone")
        self.run("-m", "django", "migrate", "--verbosity", "0")
