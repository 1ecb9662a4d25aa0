"""What is refused where a task is enqueued, before a worker could fail over it."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from types import ModuleType
from uuid import UUID

import pytest
from django.utils.functional import lazystr

from celery_ledger.django_tasks.interface import InvalidTask
from celery_ledger.models import Job
from tests.unit.celery_ledger.django_tasks import functions

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), ((1, 2, 3), {}), ((1,), {"z": 1}), ((1,), {"x": 1})])
def test_wrong_arguments_are_a_type_error_of_the_caller(args, kwargs):
    with pytest.raises(TypeError, match=r"functions\.add: "):
        functions.add.enqueue(*args, **kwargs)

    assert not Job.objects.exists()


def test_the_context_is_no_argument_of_the_caller():
    assert functions.tell.enqueue("word").args == ["word"]


def test_a_decorator_may_add_arguments_of_its_own(run):
    assert run(functions.tell_tenant.enqueue("word")).return_value == ["a tenant", "word"]


NOT_JSON = {
    "datetime": datetime(2040, 1, 1, tzinfo=UTC),
    "UUID": UUID(int=1),
    "set": {1, 2},
    "object": object(),
    "NaN": float("nan"),
    "NUL": "NUL \x00",
    "half a surrogate pair": "half a pair \ud800",
    "lazy text": lazystr("a lazy translation"),
    "a value's mark": {"__type__": "uuid", "__value__": str(UUID(int=1))},
}


@pytest.mark.parametrize("value", NOT_JSON.values(), ids=NOT_JSON)
def test_a_value_that_the_function_would_not_get_as_it_is_is_refused(value):
    with pytest.raises(TypeError):
        functions.give_back.enqueue([value])

    assert not Job.objects.exists()


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(ValueError, match="Unsupported value"):
        functions.give_back.enqueue(b"\xff")


def test_the_result_shows_the_arguments_as_the_function_gets_them(run):
    result = functions.give_back.enqueue(((1, 2), {3: b"text"}, "\U0001f600"))

    assert result.args == [[[1, 2], {"3": "text"}, "\U0001f600"]]
    assert run(result).return_value == result.args[0]


def test_a_task_whose_name_is_that_of_another_object_is_refused():
    with pytest.raises(InvalidTask, match="is not a task"):
        functions.hidden.enqueue(1)


def test_a_task_that_stands_where_another_one_is_declared_is_refused():
    def add(x, y=1):
        return x - y

    add.__module__, add.__qualname__ = functions.add.func.__module__, "add"

    with pytest.raises(InvalidTask, match="is another task"):
        replace(functions.add, func=add).enqueue(1)


def test_a_task_of_the_script_that_enqueues_it_is_refused():
    def add(x):
        return x

    add.__module__, add.__qualname__ = "__main__", "add"

    with pytest.raises(InvalidTask, match="cannot import a task from the script"):
        replace(functions.add, func=add).enqueue(1)


def test_a_path_too_long_for_the_ledger_is_refused():
    def add(x):
        return x

    add.__qualname__ = "a" * 200

    with pytest.raises(InvalidTask, match="at most 200 characters"):
        replace(functions.add, func=add).enqueue(1)


def test_a_task_whose_module_cannot_be_imported_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "broken_module", ModuleType("broken_module"))

    def gone(x):
        return x

    gone.__module__, gone.__qualname__ = "broken_module", "gone"

    with pytest.raises(InvalidTask, match="no task is declared at 'broken_module"):
        replace(functions.add, func=gone).enqueue(1)


def test_a_repeated_attempt_enqueues_the_same_task_again(run):
    result = functions.enqueue_another.enqueue(fails=True)

    run(result)
    run(result)

    assert Job.objects.filter(name=functions.add.module_path).count() == 1
    assert functions.add.get_result(result.return_value).args == [1, 2]


def test_a_task_that_is_enqueued_by_a_task_belongs_to_its_family(run):
    result = run(functions.enqueue_another_later.enqueue())

    child = Job.objects.get(pk=result.return_value)
    assert str(child.root_id) == str(child.parent_id) == result.id
