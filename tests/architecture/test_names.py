"""What is named in a string leads somewhere: import contracts and types do not see these."""

import ast

import pytest
from celery import current_app

from config import queues, schedule
from tests.architecture import tree

ASKING = {"enqueue", "step"}


def calls(name, path):
    for node in ast.walk(tree.parsed(path)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", None)) == name:
            yield node


def declared():
    return {
        call.args[0].value: call
        for path in tree.modules()
        if path.stem == "tasks"
        for call in calls("job", path)
    }


def registered():
    # Tests that ran before in this process may have declared tasks of their own, or imported that of Django's tasks.
    foreign = ("celery.", "tests.", "celery_ledger.django_tasks.")
    return {name for name, task in current_app.tasks.items() if not task.__module__.startswith(foreign)}


def asked_for():
    return [
        pytest.param(call.args[0].value, id=f"{tree.name_of(path)}:{call.lineno}")
        for path in tree.modules()
        for name in ASKING
        for call in calls(name, path)
        if call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    ]


def test_every_declared_task_is_registered_and_no_other():
    assert registered() == set(declared())


@pytest.mark.parametrize("name", asked_for())
def test_every_task_that_is_asked_for_is_registered(name):
    assert name in registered()


@pytest.mark.parametrize("entry", schedule.SCHEDULE)
def test_every_task_of_the_schedule_is_registered(entry):
    assert schedule.SCHEDULE[entry]["task"] in registered()


def test_every_task_is_named_for_its_app():
    for path in (path for path in tree.modules() if path.stem == "tasks"):
        package = path.relative_to(tree.ROOT).parts[0]
        assert all(call.args[0].value.startswith(f"{package}.") for call in calls("job", path))


def test_every_task_names_a_queue_that_a_worker_reads():
    asked = {
        keyword.value.value
        for call in declared().values()
        for keyword in call.keywords
        if keyword.arg == "queue"
    }

    assert asked <= set(queues.NAMES)
