"""The library in a project that has nothing else of ours: the one that its README shows, as it stands there."""

import os
import re
import signal
import subprocess
import sys

import psycopg
import pytest

from config import services
from config.env import ROOT
from tests.eventually import eventually
from tests.harness.house import House
from tests.smtp_server import MailServer

README = (ROOT / "celery_ledger" / "README.md").read_text()
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
ASK = "import django; django.setup(); from shop.orders import place; print(place('ada@example.org', 7))"
ROLL_BACK = """
import django; django.setup()
from django.db import transaction
from shop.orders import place
with transaction.atomic():
    place("never@example.org", 8)
    transaction.set_rollback(True)
place("nobody", 9)
"""


class Project:
    """A Django project in a folder of its own, with `jobs` copied into it by a link."""

    def __init__(self, folder, house, smtp_port):
        self.folder = folder / "project"
        for name, text in {"mysite/settings.py": "", **dict(SHOWN.findall(README))}.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            (file.parent / "__init__.py").touch()
            file.write_text(STARTED + text if file.name == "settings.py" else text)
        (self.folder / "celery_ledger").symlink_to(ROOT / "celery_ledger")
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


@pytest.fixture
def mail_server():
    server = MailServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def project(tmp_path, mail_server):
    house = House(tmp_path)
    services.start(house.env)
    project = Project(tmp_path, house, mail_server.address[1])
    with psycopg.connect(project.database, autocommit=True) as admin:
        admin.execute("create database alone")
    yield project
    house.close()


def test_the_readme_shows_a_whole_project():
    assert [name for name, _ in SHOWN.findall(README)] == [
        "mysite/settings.py",
        "mysite/celery.py",
        "shop/tasks.py",
        "shop/orders.py",
    ]


@pytest.mark.timeout(120)
def test_a_project_that_has_nothing_else_of_ours_runs_jobs(project, mail_server):
    project.run("-m", "django", "migrate", "--verbosity", "0")
    job_id = project.run("-c", ASK)
    assert project.run("-c", ASK) == job_id
    project.run("-c", ROLL_BACK)

    worker = project.start("-m", "celery", "-A", "mysite", "worker", "--concurrency", "1")

    def states():
        listed = project.run("-m", "django", "jobs", "list", "--json")
        return sorted(re.findall(r'"state": "(\w+)"', listed))

    try:
        eventually(lambda: states() == ["dead", "succeeded"], 60)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(20)
    assert [mail["To"] for mail in mail_server.messages] == ["ada@example.org"]
    assert "this is no address" in project.run("-m", "django", "jobs", "list", "--state", "dead")
