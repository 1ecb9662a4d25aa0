"""What a job may run: tasks, and nothing else that can be imported."""

import pytest

from celery_ledger.django_tasks import declared
from celery_ledger.errors import Undeclared
from tests.unit.celery_ledger.django_tasks import functions


def test_a_task_is_found_by_its_path():
    assert declared.task_at(functions.add.module_path) is functions.add


@pytest.mark.parametrize(
    "path",
    [
        "subprocess.check_output",
        "os.system",
        "tests.unit.celery_ledger.django_tasks.functions.plain",
        "tests.unit.celery_ledger.django_tasks.functions.Odd",
        "tests.unit.celery_ledger.django_tasks.functions.gone",
        "no_such_module.function",
        "a",
        "",
        "test.add",
    ],
)
def test_no_other_importable_is_a_task(path):
    with pytest.raises(Undeclared):
        declared.task_at(path)
