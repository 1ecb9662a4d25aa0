"""The pools of a worker: which ones run jobs, and what a worker that stops can do about a running body.

prefork  Each job in a process. Time limits hold; a stopping worker kills what is not done in time and hands it back.
solo     One job at a time in the worker itself, without time limits. A stopping worker hands it back at once.
threads  Jobs in threads of the worker, without time limits. What is not done in time is handed back, and the process
         ends under it.

Others are refused: they patch the waits of the database driver, on which claims and leases rest.
"""

import os
from typing import Any

import structlog
from celery import signals
from celery.exceptions import WorkerTerminate
from celery.platforms import EX_FAILURE

log = structlog.get_logger(__name__)

#: By module: to import the pools of processes costs a web process for nothing.
_PROCESSES, _SOLO, _THREADS = (f"celery.concurrency.{name}" for name in ("prefork", "solo", "thread"))
#: Ids of jobs that were handed back while their bodies run in threads of this process.
_running_on: set[str] = set()


def can_kill(pool: Any) -> bool:
    """Return whether the pool can end one running job: only a process can be killed."""
    return _is(type(pool), _PROCESSES)


def interrupt_body(pool: Any) -> None:
    """Stop the body that a signal handler has interrupted, where the worker runs it itself (`-P solo`).

    Its job is handed back by `JobTask`: the handler may have interrupted a statement on the one database connection.
    """
    if _is(type(pool), _SOLO):
        raise WorkerTerminate(EX_FAILURE)


def note_running_on(job_id: str) -> None:
    """Remember that a body runs on though its job was handed back: the process must end under it."""
    _running_on.add(job_id)


def check(worker: Any) -> None:
    """Refuse a pool that does not run jobs as the ledger promises; say what a supported one leaves out."""
    kind = worker.pool_cls
    name = kind.__module__.rpartition(".")[2]
    if _is(kind, _PROCESSES):
        return
    if not _is(kind, _SOLO) and not _is(kind, _THREADS):
        raise SystemExit(
            f"the pool {name!r} is not supported: start the worker with -P prefork, threads or solo"
        )
    log.warning("pool_without_time_limits", pool=name)
    if _is(kind, _SOLO):
        # Celery waits in a signal handler, which is the thread of the body that it waits for.
        worker.app.conf.worker_soft_shutdown_timeout = 0
    else:
        signals.worker_shutdown.connect(end_under_running_bodies)


def end_under_running_bodies(**_event: Any) -> None:
    """End the process though threads of it still run: Python would wait for them without bound."""
    if _running_on:
        log.warning("worker_ended_under_bodies", job_ids=sorted(_running_on))
        os._exit(EX_FAILURE)


def _is(kind: type, module: str) -> bool:
    return any(base.__module__ == module for base in kind.__mro__)
