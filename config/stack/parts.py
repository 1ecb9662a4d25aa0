"""The parts of the stack: what `make run` runs beside the services."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from config import queues
from config.env import Env

# The web process answers from threads, each with a connection of its own while it works.
WEB_CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Part:
    """One program of the stack."""

    name: str
    command: tuple[str, ...]
    # What it needs in its environment beside what the stack was given.
    environment: Mapping[str, str] = field(default_factory=dict)
    # It answers when this URL does, or, for a part without one, when a line of its log says so.
    url: str | None = None
    ready_line: re.Pattern[str] | None = None


def parts_of(env: Env, *, on_terminal: bool) -> list[Part]:
    """Return the parts as `env` wants them; on a terminal their logs are for people."""
    log_format = "console" if on_terminal and env.logs.format == "auto" else env.logs.format
    shared = {"LOG_FORMAT": log_format, "PYTHONUNBUFFERED": "1", "DATABASE_POOL_SIZE": "0"}
    return [
        _web(env, shared),
        _worker("worker", queues.SHORT, env, shared),
        _worker("media", queues.LONG, env, shared),
        _beat(env, shared),
        _exporter(env, shared),
        _flower(env, shared),
    ]


def address(env: Env, port: int) -> str:
    """Return the URL under which this machine reaches what listens on `port`."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 (compared, not bound)
    host = everywhere.get(env.bind_address, env.bind_address)
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{port}"


def _web(env: Env, shared: Mapping[str, str]) -> Part:
    connections = env.services.database_pool_size or WEB_CONNECTIONS
    listen = ("--host", env.bind_address, "--port", str(env.ports.web))
    return Part(
        "web",
        (sys.executable, "-m", "config.web_server", *listen),
        {**shared, "DATABASE_POOL_SIZE": str(connections)},
        url=f"{address(env, env.ports.web)}/healthz",
    )


def _worker(name: str, consumed: Sequence[str], env: Env, shared: Mapping[str, str]) -> Part:
    # Two workers of one name answer each other's remote control; %h is the host.
    node = f"offstage-{name}-{os.getpid()}@%h"
    options = ("--queues", ",".join(consumed), "--concurrency", str(env.jobs.concurrency))
    return Part(
        name,
        _celery("worker", "--hostname", node, *options),
        # SIGTERM as a cold stop: finish within worker_soft_shutdown_timeout, hand the rest back.
        {**shared, "REMAP_SIGTERM": "SIGQUIT"},
        ready_line=_said_at_info(env, r"@\S+ ready\b"),
    )


def _beat(env: Env, shared: Mapping[str, str]) -> Part:
    return Part("beat", _celery("beat"), shared, ready_line=_said_at_info(env, r"\bbeat: Starting"))


def _exporter(env: Env, shared: Mapping[str, str]) -> Part:
    url = f"{address(env, env.ports.exporter)}/metrics"
    return Part("exporter", (sys.executable, "-m", "config.exporter"), shared, url=url)


def _flower(env: Env, shared: Mapping[str, str]) -> Part:
    listen = (f"--address={env.bind_address}", f"--port={env.ports.flower}")
    return Part(
        "flower", _celery("flower", *listen), shared, url=f"{address(env, env.ports.flower)}/healthcheck"
    )


def _celery(*arguments: str) -> tuple[str, ...]:
    # Quiet: no banner between the log lines.
    return (sys.executable, "-m", "celery", "-A", "config", "--quiet", *arguments)


def _said_at_info(env: Env, line: str) -> re.Pattern[str] | None:
    """Return the pattern of a line that Celery logs at info, or None where that level is not logged."""
    return re.compile(line) if env.logs.level in ("debug", "info") else None
