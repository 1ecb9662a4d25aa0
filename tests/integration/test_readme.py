"""Each command that the README shows, run: what a newcomer copies works."""

import re
import subprocess
from pathlib import Path

import pytest

from config.env import ROOT
from tests.harness.stack import Stack

README = (ROOT / "README.md").read_text()
FILM_SECONDS = 110


@pytest.fixture
def stack(tmp_path):
    stack = Stack(tmp_path)
    yield stack
    stack.close()


def blocks_of(section: str) -> list[str]:
    """Return the shell blocks under the heading `section`."""
    text = README.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"```bash\n(.*?)```", text, re.DOTALL)


@pytest.mark.timeout(FILM_SECONDS + 60)
def test_the_tour_by_curl_leads_to_a_film_with_the_spoken_words(stack):
    stack.start_web()
    stack.start_worker()
    script = "\n".join(blocks_of("A tour by curl")).replace("http://127.0.0.1:8000", stack.url)

    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT, capture_output=True, text=True, timeout=FILM_SECONDS, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert '"state":"ready"' in done.stdout
    # How it writes the name is up to the processor that it runs on.
    assert "welcome to offstage" in done.stdout.lower()
    assert "#EXT-X-STREAM-INF" in done.stdout
    assert '"state":"queued"' in done.stdout.splitlines()[-1]  # the video that came in pieces


@pytest.mark.parametrize("target", sorted(set(re.findall(r"^make (\w+)$", README, re.MULTILINE))))
def test_make_knows_the_target(target):
    done = subprocess.run(
        ["/usr/bin/env", "make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", re.findall(r"^python (manage\.py .*)$", README, re.MULTILINE))
def test_the_management_command_runs(stack, command):
    done = stack.house.run(*command.split())

    assert done.returncode == 0, done.stderr


def test_the_worker_on_named_queues_starts(stack):
    (command,) = re.findall(r"^celery -A config worker -Q (\S+)$", README, re.MULTILINE)

    stack.start_worker(queues=command)

    assert stack.is_running("worker")


def test_no_shell_command_of_the_readme_goes_untested():
    shown = {
        line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines()
    }
    tour = {line for block in blocks_of("A tour by curl") for line in block.splitlines()}
    tested = re.compile(r"make \w+|python manage\.py .*|celery -A config worker -Q \S+")

    assert [line for line in shown - tour if not tested.fullmatch(line)] == []


def test_every_file_that_the_readme_names_is_there():
    named = re.findall(r"\]\(([^)#]+)\)", README) + re.findall(r"`((?:\w+/)+\w+\.\w+)`", README)

    assert [name for name in named if "://" not in name and not Path(ROOT, name).exists()] == []
