"""The Celery application whose tasks go through the ledger."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from inspect import isclass, ismethod
from typing import Any

import django
from celery import Celery
from celery.utils.imports import symbol_by_name
from django.apps import apps

from celery_ledger import configuration
from celery_ledger.asking import options as call_options
from celery_ledger.asking import signatures
from celery_ledger.asking.celery_repairs import repair_canvas
from celery_ledger.current import current_job
from celery_ledger.running import worker_process
from celery_ledger.running.bootstep import RelayStep
from celery_ledger.running.parent_leases import ParentLeaseStep
from celery_ledger.transports import brokers


class LedgerApp(Celery):
    """Celery with the ledger as its only way out: `LedgerApp("config")` is all that a project writes."""

    amqp_cls = "celery_ledger.asking.amqp:LedgerAMQP"
    task_cls = "celery_ledger.running.task:JobTask"

    def __init__(self, main: str, **options: Any) -> None:
        repair_canvas()
        worker_process.stop_in_time()
        super().__init__(main, backend="celery_ledger.results.backend:LedgerBackend", **options)
        self.steps["worker"].update((RelayStep, ParentLeaseStep))

    def _load_config(self) -> Any:
        """Read the configuration; what the ledger needs goes before Celery's defaults and behind the project's."""
        conf = super()._load_config()  # type: ignore[misc]  # celery-types leaves it out
        broker_url = str(conf.broker_url or "")
        conf.maps.insert(len(conf.maps) - 1, configuration.needed(broker_url))
        own = brokers.transport_options(broker_url)
        conf["broker_transport_options"] = {**own, **(conf.broker_transport_options or {})}
        brokers.repair(broker_url)
        return conf

    def finalize(self, auto: bool = False) -> None:
        """Make the tasks known; the ledger's task class imports models."""
        _set_up_django()
        super().finalize(auto=auto)

    def _get_backend(self) -> Any:
        _set_up_django()
        return super()._get_backend()  # type: ignore[misc]  # celery-types leaves it out

    def _task_from_fun(  # type: ignore[override]  # Celery's 40 options pass by name
        self, fun: Any, name: str | None = None, base: Any = None, **options: Any
    ) -> Any:
        return super()._task_from_fun(fun, name=name, base=_job_class(base or self.Task), **options)

    def register_task(self, task: Any, **options: Any) -> Any:
        """Register a task that is a class or its instance, as Celery does, and make its runs jobs."""
        task = task() if isclass(task) else task
        task.__class__ = _job_class(type(task))
        if not hasattr(task, "__header__"):
            # Celery checks the arguments of functions alone.
            task.__header__ = self.type_checker(task.run, bound=ismethod(task.run))
        return super().register_task(task, **options)

    def send_task(  # type: ignore[override]  # noqa: PLR0913 - the rest of Celery's 25 parameters passes by name
        self,
        name: str,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        countdown: float | None = None,
        eta: datetime | str | None = None,
        task_id: str | None = None,
        **options: Any,
    ) -> Any:
        """Enqueue a task by name: the choke point of every way to ask for one.

        Raises Undeclared for an unknown name and TypeError for wrong arguments, through the whole canvas,
        in the caller's traceback and not minutes later in a worker.
        """
        args, kwargs = args or (), kwargs or {}
        signatures.check_call(self, name, args, kwargs)
        call_options.check(self, name, {**options, "countdown": countdown, "eta": eta, "task_id": task_id})
        self._check_followers(options)
        _take_expiry(name, self.tasks[name], options)
        # Celery deprecates a task's own `queue`; ours is declared all the same.
        options["queue"] = options.get("queue") or getattr(self.tasks[name], "job_queue", None)
        # Times are a column of the ledger. Left to Celery they would be held in a worker's memory.
        if countdown:
            options["delay_seconds"] = call_options.seconds(name, "countdown", countdown)
        if eta:
            options["run_at"] = call_options.moment(self, name, "eta", eta)
        job = current_job()
        if task_id is None and job is not None:
            task_id = job.child_id(name)
        return super().send_task(name, list(args), dict(kwargs), task_id=task_id, **options)

    @cached_property
    def amqp(self) -> Any:
        """Return the door to the ledger; its module imports models, and `celery status` has not set Django up."""
        _set_up_django()
        return super().amqp

    @cached_property
    def AsyncResult(self) -> Any:  # noqa: N802 - Celery's name
        """Return the class of a job's result."""
        return self._result_class("celery_ledger.results.results:LedgerResult", "AsyncResult")

    @cached_property
    def GroupResult(self) -> Any:  # noqa: N802 - as above
        """Return the class of a group's results."""
        return self._result_class("celery_ledger.results.results:LedgerGroupResult", "GroupResult")

    @cached_property
    def ResultSet(self) -> Any:  # noqa: N802 - as above
        """Return the class of a set of results."""
        return self._result_class("celery_ledger.results.results:LedgerResultSet", "ResultSet")

    def producer_or_acquire(self, producer: object = None) -> Any:
        """Return what collects the jobs of a call; none of them goes to a broker from here."""
        return self.amqp.collector(producer)

    default_producer = producer_or_acquire

    def _result_class(self, path: str, name: str) -> Any:
        # By path: their module must not be loaded before the settings are.
        return self.subclass_with_self(path, name=name, reverse=name)  # type: ignore[arg-type]  # a path will do

    def _check_followers(self, options: Mapping[str, Any]) -> None:
        # A chord's body is checked once, with its chord (`LedgerBackend.apply_chord`), not with every part.
        for word in ("link", "link_error", "chain"):
            followers = options.get(word) or []
            for follower in [followers] if isinstance(followers, Mapping) else followers:
                # What is stored was checked when it was stored.
                if signatures.is_reference(follower):
                    continue
                if word == "link_error":
                    signatures.check_errback(self, follower)
                else:
                    signatures.check_tree(self, follower, gets_result=True)


def _set_up_django() -> None:
    """Set Django up where no part of the process has: `celery call` and `celery result` do not, unlike a worker."""
    if not (apps.ready or apps.loading):
        django.setup()


def _job_class(base: Any) -> Any:
    # By name, as Celery finds `task_cls`: the models behind it need Django to be set up.
    return symbol_by_name("celery_ledger.running.bases:job_class")(base)


def _take_expiry(name: str, task: Any, options: dict[str, Any]) -> None:
    """Turn Celery's `expires` into a column: seconds from now by the database's clock, or a moment."""
    # An explicit None lifts the task's own, here and in what Celery would put into the message.
    expires = options["expires"] if "expires" in options else getattr(task, "expires", None)
    options["expires"] = None
    if isinstance(expires, timedelta):
        expires = expires.total_seconds()
    if isinstance(expires, datetime | str):
        options["expires_at"] = call_options.moment(task.app, name, "expires", expires)
    elif expires is not None:
        options["expires_seconds"] = call_options.seconds(name, "expires", expires)
