"""Django's tasks interface under one name: `django.tasks` from Django 6.0 on, before that its backport `django_tasks`.

The version of Django decides. With Django 6.0 and the backport both installed, `@task` of either one works: both read
the setting `TASKS`, and both take the class of a task from its backend.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

import django

if TYPE_CHECKING or django.VERSION < (6, 0):
    from django_tasks import exceptions, task_backends
    from django_tasks.backends.base import BaseTaskBackend
    from django_tasks.base import Task, TaskContext, TaskError, TaskResult, TaskResultStatus, task
    from django_tasks.exceptions import TaskResultDoesNotExist
    from django_tasks.signals import task_enqueued, task_finished, task_started
    from django_tasks.utils import normalize_json
else:
    from django.tasks import exceptions, task_backends
    from django.tasks.backends.base import BaseTaskBackend
    from django.tasks.base import Task, TaskContext, TaskError, TaskResult, TaskResultStatus, task
    from django.tasks.exceptions import TaskResultDoesNotExist
    from django.tasks.signals import task_enqueued, task_finished, task_started
    from django.utils.json import normalize_json

if TYPE_CHECKING:
    AnyTask: TypeAlias = Task[..., Any]
    AnyResult: TypeAlias = TaskResult[Any]
else:
    # Those of Django itself take no parameters.
    AnyTask, AnyResult = Task, TaskResult

# Up to version 0.12 the backport has another name for it than Django.
InvalidTask: type[Exception] = next(
    vars(exceptions)[name] for name in ("InvalidTask", "InvalidTaskError") if name in vars(exceptions)
)

__all__ = [
    "AnyResult",
    "AnyTask",
    "BaseTaskBackend",
    "InvalidTask",
    "Task",
    "TaskContext",
    "TaskError",
    "TaskResult",
    "TaskResultDoesNotExist",
    "TaskResultStatus",
    "normalize_json",
    "task",
    "task_backends",
    "task_enqueued",
    "task_finished",
    "task_started",
]
