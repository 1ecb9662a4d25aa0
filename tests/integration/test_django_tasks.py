"""Django's tasks in the project that `docs/django-tasks.md` shows, as it stands there, with real workers."""

import json
import os
import signal

import django
import pytest

from config import services
from config.env import ROOT
from tests.eventually import eventually
from tests.harness.house import House
from tests.integration.small_project import Project, files_of

PAGE = (ROOT / "docs" / "django-tasks.md").read_text()
# No module that a worker imports at its start declares a task.
SLOW = '''
import os, time
from pathlib import Path
from django_tasks import task

@task(takes_context=True)
def linger(context, file):
    """Never end in the first attempt."""
    Path(file).write_text(str(os.getpid()))
    while context.attempt == 1:
        time.sleep(1)
    return os.getpid()
'''
PLACE = """
import django; django.setup()
from django.db import transaction
from shop.orders import place, plan
with transaction.atomic():
    never = place(7)
    transaction.set_rollback(True)
print(never, place(8), place(-1), plan("today"))
"""
READ = """
import django, json, sys; django.setup()
from PACKAGE import default_task_backend
from PACKAGE.exceptions import TaskResultDoesNotExist
for result_id in sys.argv[1:]:
    try:
        result = default_task_backend.get_result(result_id)
    except TaskResultDoesNotExist:
        print(json.dumps(["missing"]))
        continue
    value = result.return_value if result.status == "SUCCESSFUL" else None
    print(json.dumps([result.status, value, [error.exception_class_path for error in result.errors], result.attempts]))
"""
LINGER = """
import django, sys; django.setup()
from shop.slow import linger
print(linger.enqueue(sys.argv[1]).id)
"""
LEASE = "\nJOB_LEASE_SECONDS = 3.0\nJOB_POLL_SECONDS = 0.5\n"


def for_this_django(text):
    """Return the text with the imports of the interface that is there."""
    package = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"
    text = text if package == "django_tasks" else text.replace('INSTALLED_APPS += ["django_tasks"]', "")
    return text.replace("PACKAGE", package).replace("from django_tasks", f"from {package}")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("django_tasks")
    house = House(folder)
    services.start(house.env)
    project = Project(folder, house, for_this_django(PAGE))
    (project.folder / "shop" / "slow.py").write_text(for_this_django(SLOW))
    with (project.folder / "mysite" / "settings.py").open("a") as settings:
        settings.write(LEASE)
    project.create_database()
    yield project
    house.close()


@pytest.fixture
def start_worker(project):
    workers = []

    def start():
        workers.append(project.start("-m", "celery", "-A", "mysite", "worker", "--concurrency", "1"))
        return workers[-1]

    yield start
    for worker in workers:
        if worker.poll() is None:
            worker.send_signal(signal.SIGTERM)
            worker.wait(20)


def results(project, *ids):
    return [json.loads(line) for line in project.run("-c", for_this_django(READ), *ids).splitlines()]


def test_the_page_shows_a_whole_project(project):
    assert list(files_of(PAGE)) == [
        "mysite/settings.py",
        "mysite/celery.py",
        "shop/receipts.py",
        "shop/orders.py",
    ]
    assert "no issues" in project.run("-m", "django", "check")


@pytest.mark.timeout(180)
def test_a_task_of_a_committed_transaction_runs_and_another_process_reads_its_result(project, start_worker):
    never, placed, refused, planned = project.run("-c", PLACE).split()
    assert results(project, never, placed) == [["missing"], ["READY", None, [], 0]]

    start_worker()

    expected = [
        ["missing"],
        ["SUCCESSFUL", "Receipt for order 8", [], 1],
        ["FAILED", None, ["celery_ledger.errors.Permanent"], 1],
        ["SUCCESSFUL", ["today", 1], [], 1],
    ]
    eventually(lambda: results(project, never, placed, refused, planned) == expected, 90)
    listed = project.run("-m", "django", "jobs", "list", "--json")
    assert '"name": "shop.receipts.receipt"' in listed
    assert '"name": "shop.receipts.report"' in listed


@pytest.mark.timeout(180)
def test_a_task_of_a_killed_worker_goes_to_another(project, start_worker, tmp_path):
    file = tmp_path / "pid"
    result_id = project.run("-c", LINGER, str(file))
    first = start_worker()
    eventually(file.exists, 90)
    assert results(project, result_id) == [["RUNNING", None, [], 1]]

    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    start_worker()

    eventually(lambda: results(project, result_id)[0][0] == "SUCCESSFUL", 90)
    assert results(project, result_id)[0][2:] == [["billiard.exceptions.WorkerLostError"], 2]
