"""The task that a path names: a job runs no other function."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from django.utils.module_loading import import_string

from celery_ledger.django_tasks.interface import AnyTask, InvalidTask, Task
from celery_ledger.errors import Undeclared

#: The length of Job.name.
MAX_PATH_CHARS = 200


def task_at(path: str) -> AnyTask:
    """Return the task that was declared at this path. Raises Undeclared where there is none, whatever else is there."""
    try:
        found = import_string(path)
    except ImportError as error:
        raise Undeclared(f"no task is declared at {path!r}: {error}") from error
    if not isinstance(found, Task):
        raise Undeclared(f"{path!r} is not a task: it is declared without @task")
    return found


def check_is_found(task: AnyTask) -> None:
    """Raise InvalidTask where a worker could not find this task by its path."""
    path = task.module_path
    if len(path) > MAX_PATH_CHARS:
        raise InvalidTask(f"{path}: the path of a task has at most {MAX_PATH_CHARS} characters")
    if task.func.__module__ == "__main__":
        raise InvalidTask(f"{path}: a worker cannot import a task from the script that enqueues it")
    try:
        found = task_at(path)
    except Undeclared as error:
        raise InvalidTask(str(error)) from error
    if found.func is not task.func:
        raise InvalidTask(f"{path} is another task; a worker would run that one")


def check_call(task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise TypeError where the function does not take these arguments."""
    context = (None,) if task.takes_context else ()
    try:
        # What is called is the decorator's function, which may take other arguments than the one behind it.
        inspect.signature(task.func, follow_wrapped=False).bind(*context, *args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{task.module_path}: {error}") from None


def as_enqueued(task: AnyTask, **changes: Any) -> AnyTask:
    """Return a copy of the task with the values that a caller gave it by `using()`.

    Not validated, as `using()` does: a queue that has since left `QUEUES` must not make a result unreadable.
    """
    copy: AnyTask = object.__new__(type(task))
    for field in fields(task):
        object.__setattr__(copy, field.name, changes.get(field.name, getattr(task, field.name)))
    return copy
