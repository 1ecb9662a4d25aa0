"""`jobs/` in a project that has nothing else of ours: the one that `jobs/README.md` shows, as it stands there."""

import re
import signal

import pytest

from config import services
from config.env import ROOT
from tests.eventually import eventually
from tests.harness.house import House
from tests.integration.small_project import Project, files_of
from tests.smtp_server import MailServer

README = (ROOT / "jobs" / "README.md").read_text()
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
    project = Project(tmp_path, house, README, mail_server.address[1])
    project.create_database()
    yield project
    house.close()


def test_the_readme_shows_a_whole_project():
    assert list(files_of(README)) == [
        "mysite/settings.py",
        "mysite/celery.py",
        "shop/tasks.py",
        "shop/orders.py",
    ]


@pytest.mark.timeout(120)
def test_a_project_that_has_nothing_else_of_ours_runs_jobs(project, mail_server):
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
