"""The library as pip installs it, in the project that its README shows, with and without each extra."""

import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from config import services
from config.env import ROOT
from tests.eventually import eventually
from tests.harness.house import House
from tests.harness.ports import free_port
from tests.integration.small_project import Project, files_of
from tests.smtp_server import MailServer

pytestmark = pytest.mark.long

UV = str(Path(sys.executable).with_name("uv"))
README = (ROOT / "celery_ledger" / "README.md").read_text()
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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Return the wheel that `make dist` builds."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT], check=True)
    [built] = folder.glob("celery_ledger-*.whl")
    return built


@pytest.fixture
def mail_server():
    server = MailServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def installed(request, wheel, tmp_path):
    """Return a Python that has the library with the extra that the test names, "" for none."""
    extra = getattr(request, "param", "")
    folder = tmp_path / "venv"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    wanted = f"celery-ledger[{extra}] @ {wheel.as_uri()}" if extra else str(wheel)
    subprocess.run([UV, "pip", "install", "--quiet", "--python", python, wanted], check=True)
    return str(python)


@pytest.fixture
def project(tmp_path, installed, mail_server):
    house = House(tmp_path)
    services.start(house.env)
    project = Project(tmp_path, house, README, mail_server.address[1], python=installed)
    project.create_database()
    yield project
    house.close()


def with_extra(name):
    return pytest.mark.parametrize("installed", [name], indirect=True, ids=[name])


def test_the_readme_shows_a_whole_project():
    assert list(files_of(README)) == [
        "mysite/settings.py",
        "mysite/celery.py",
        "shop/tasks.py",
        "shop/orders.py",
    ]


@pytest.mark.timeout(180)
def test_without_any_extra_jobs_run(project, mail_server):
    job_id = project.run("-c", ASK)
    assert project.run("-c", ASK) == job_id
    project.run("-c", ROLL_BACK)

    with project.running("-m", "celery", "-A", "mysite", "worker", "--concurrency", "1"):
        name = "shop.send_receipt"
        eventually(lambda: project.jobs() == [(name, "dead"), (name, "succeeded")], 60)

    assert [mail["To"] for mail in mail_server.messages] == ["ada@example.org"]
    assert project.run("-m", "django", "check", "--fail-level", "WARNING").startswith(
        "System check identified no"
    )
    assert 'pip install "celery-ledger[cli]"' in project.run("-m", "django", "jobs", "list", fails=True)
    assert 'pip install "celery-ledger[exporter]"' in project.run(
        "-m", "django", "ledger_exporter", fails=True
    )


@with_extra("cli")
def test_with_cli_jobs_are_listed(project):
    job_id = project.run("-c", ASK)

    assert job_id in project.run("-m", "django", "jobs", "list", "--json")


@with_extra("api")
def test_with_api_staff_sees_jobs(project):
    project.add_to(
        "mysite/settings.py",
        "ROOT_URLCONF = 'celery_ledger.api.urls'\n"
        "INSTALLED_APPS += ['django.contrib.auth', 'django.contrib.contenttypes', 'rest_framework']\n"
        "ALLOWED_HOSTS = ['testserver']",
    )

    status = project.run(
        "-c",
        "import django; django.setup(); from django.test import Client;"
        " print(Client().get('/jobs').status_code)",
    )

    assert status in {"401", "403"}


@with_extra("beat")
@pytest.mark.timeout(120)
def test_with_beat_a_tick_is_a_job(project):
    project.add_to("mysite/settings.py", "INSTALLED_APPS += ['django_celery_beat']")
    project.add_to(
        "mysite/celery.py",
        "app.conf.beat_schedule = {'receipt': {'task': 'shop.send_receipt', 'args': ['ada@example.org', 7],"
        " 'schedule': 1}}",
    )
    project.run("-m", "django", "migrate", "--verbosity", "0")

    with project.running("-m", "celery", "-A", "mysite", "beat"):
        eventually(lambda: ("shop.send_receipt", "queued") in project.jobs(), 60)


@with_extra("exporter")
def test_with_exporter_metrics_are_served(project):
    port = free_port()

    def metrics():
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
        except urllib.error.URLError:
            return ""

    with project.running("-m", "django", "ledger_exporter", "--port", str(port)):
        eventually(lambda: 'offstage_exporter_up{source="ledger"} 1.0' in metrics(), 60)
        assert 'celery_queue_length{queue_name="mail"}' in metrics()


@with_extra("sqs")
def test_with_sqs_its_transport_is_repaired(project):
    loaded = "from celery_ledger.transports import sqs_reconnect; print(sqs_reconnect.POLL_SECONDS)"

    assert project.run("-c", loaded) == "25"
