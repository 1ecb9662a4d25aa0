"""What this machine has of the programs that are no Python packages, and what a test does where one is missing."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

# Beside what is on PATH: Debian and Fedora, Homebrew, the generic archive and RabbitMQ's own image. What Debian has on
# PATH is a wrapper that insists on the machine's own node; the script itself lies in the package's folder.
SERVERS = (
    "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin",
    "/opt/homebrew/opt/rabbitmq/sbin",
    "/usr/local/opt/rabbitmq/sbin",
    "/opt/rabbitmq*/sbin",
)
ERLANGS = (
    "/usr/lib/erlang/bin",
    "/opt/homebrew/opt/erlang/bin",
    "/usr/local/opt/erlang/bin",
    "/opt/erlang/bin",
)
# Its H.264 and AAC: Debian's Chromium and Google's Chrome have both.
CHROMIUMS = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")


def may_be_missing(program: str) -> bool:
    """Whether a test may skip for want of `program`; with CI=true it runs all the same, and fails."""
    return shutil.which(program) is None and os.environ.get("CI") != "true"  # noqa: TID251 (what CI itself sets)


def need_rabbitmq() -> None:
    """Skip the test where RabbitMQ is not installed, saying what is missing; with CI=true fail it."""
    _need(missing_for_rabbitmq())


def need_browser() -> None:
    """Skip the test where Chromium, Node.js or npm is not installed, saying what is missing; with CI=true fail it."""
    lacks = [name for name in ("node", "npm") if shutil.which(name) is None]
    lacks += [] if chromium() else ["chromium"]
    _need(f"a browser test needs {', '.join(lacks)}" if lacks else "")


def chromium() -> str | None:
    """Return the path of Chromium or of a browser built from it, None where there is none."""
    return next((path for path in map(shutil.which, CHROMIUMS) if path), None)


def _need(reason: str) -> None:
    if reason and os.environ.get("CI") == "true":  # noqa: TID251 (what CI itself sets)
        pytest.fail(reason)
    elif reason:
        pytest.skip(reason)


def missing_for_rabbitmq() -> str:
    """Return what this machine lacks to run a node; empty where it has all."""
    sought = {"rabbitmq-server": SERVERS, "erl": ERLANGS, "epmd": ERLANGS}
    lacks = [name for name, folders in sought.items() if _find(name, folders) is None]
    return f"RabbitMQ is not installed: no {', no '.join(lacks)}" if lacks else ""


def program(name: str, folders: Sequence[str]) -> str:
    """Return the path of a program; the test fails where there is none."""
    found = _find(name, folders)
    if found is None:
        pytest.fail(missing_for_rabbitmq())
    return str(found)


def _find(name: str, folders: Sequence[str]) -> Path | None:
    """Return the newest in the first of `folders`, which may be patterns, or else what is on PATH."""
    for folder in folders:
        for path in sorted(Path("/").glob(f"{folder[1:]}/{name}"), reverse=True):
            return path
    on_path = shutil.which(name)
    return Path(on_path) if on_path else None
