"""What every command does before it does anything: it reads the environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.env import ROOT
from tests.integration.stage import database_url

CELERY = str(Path(sys.executable).with_name("celery"))
COMMANDS = [
    [sys.executable, "manage.py", "check"],
    [CELERY, "-A", "config", "worker"],
    [CELERY, "-A", "config", "beat"],
    [CELERY, "-A", "config", "flower"],
    [sys.executable, "-m", "config.stack"],
    [sys.executable, "-m", "config.services", "status"],
    [sys.executable, "-m", "config.web_server"],
    [sys.executable, "-m", "uvicorn", "config.asgi:application"],
]


def run(command, **variables):
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **variables},  # noqa: TID251 (handed on)
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[1:3]))
def test_a_variable_that_does_not_parse_stops_every_command_with_one_line(command):
    ended = run(command, DATABASE_URL="mysql://root:hunter2@db")

    assert ended.returncode == 2
    assert (
        ended.stderr == "offstage: DATABASE_URL must be a URL that begins with postgresql:// or postgres://\n"
    )


def test_what_answers_from_the_code_alone_starts_no_service(tmp_path):
    ended = run(
        [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"], OFFSTAGE_DATA=str(tmp_path)
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("ledger")
def test_celerys_own_commands_find_the_ledger():
    url = database_url()
    celery = [CELERY, "-A", "config"]

    called = run([*celery, "call", "accounts.forget_expired"], DATABASE_URL=url)
    asked = run([*celery, "call", "accounts.nothing"], DATABASE_URL=url)
    result = run([*celery, "result", "--traceback", called.stdout.strip()], DATABASE_URL=url)

    listed = run([*celery, "list", "bindings"], DATABASE_URL=url)

    assert called.returncode == 0, called.stderr
    assert "maintenance" in listed.stdout, listed.stderr
    assert "no task is declared with the name 'accounts.nothing'" in asked.stderr
    assert result.returncode == 0, result.stderr
