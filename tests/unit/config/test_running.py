"""What a second terminal learns of a running stack."""

import json
import subprocess
import sys

import pytest

from config import running
from config.env import ROOT

VARIABLES = {
    "WEB_PORT": "8100",
    "DATABASE_URL": "postgresql://x/y",
    "BODY_MAX_BYTES": "2000",
    "MAIL_PORT": "",
}
ASK = "import sys, pathlib; from config import running; print(running.variables(pathlib.Path(sys.argv[1])))"


def ask_elsewhere(folder):
    """Return what another process learns."""
    done = subprocess.run(
        [sys.executable, "-c", ASK, folder], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def stack(tmp_path):
    running.announce(tmp_path, VARIABLES)
    yield tmp_path
    running.withdraw(tmp_path)


def test_another_process_learns_ports_and_urls_and_no_limits(stack):
    assert ask_elsewhere(stack) == str({"WEB_PORT": "8100", "DATABASE_URL": "postgresql://x/y"})


def test_what_is_told_is_private(stack):
    assert (stack / "run" / "stack.json").stat().st_mode & 0o777 == 0o600


def test_a_second_stack_on_the_same_folder_does_not_overwrite_the_first(stack):
    running.announce(stack, {"WEB_PORT": "9"})

    assert running.variables(stack)["WEB_PORT"] == "8100"


def test_a_stack_that_has_ended_tells_nothing(tmp_path):
    running.announce(tmp_path, VARIABLES)
    running.withdraw(tmp_path)
    running.withdraw(tmp_path)

    assert running.variables(tmp_path) == {}
    assert (tmp_path / "run" / "stack.json").read_text() == ""


def test_what_a_killed_stack_left_means_nothing(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "stack.json").write_text(json.dumps(VARIABLES))
    (tmp_path / "run" / "mailbox.json").write_text(json.dumps({"address": "127.0.0.1:7"}))
    (tmp_path / "run" / "mailbox.keeper").touch()

    assert running.variables(tmp_path) == {}
