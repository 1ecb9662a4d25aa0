"""The web processes' metrics, from their files."""

import subprocess
import sys

import pytest
from prometheus_client.exposition import generate_latest

from config.env import ROOT
from config.exporter.web import registry

COUNT = """
import pathlib, sys
from config import web_metrics
web_metrics.keep(pathlib.Path(sys.argv[1]))
from prometheus_client import Counter, Histogram
Counter("some_requests_total", "Requests.", ["method"]).labels("GET").inc(int(sys.argv[2]))
Histogram("some_seconds", "Seconds.").observe(0.2)
print("counted", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def processes(tmp_path):
    """Return a function that starts a web process which has counted so many requests."""
    started = []

    def start(requests):
        command = [sys.executable, "-c", COUNT, str(tmp_path), str(requests)]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout.readline() == b"counted\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def exposed(folder):
    text = generate_latest(registry(folder)).decode()
    return sorted(line for line in text.splitlines() if line.startswith("some_requests_total"))


def test_each_process_has_its_own_series(processes, tmp_path):
    for requests in (3, 4):
        processes(requests)

    lines = exposed(tmp_path)

    assert sorted(line.rpartition(" ")[2] for line in lines) == ["3.0", "4.0"]
    assert all('method="GET"' in line and 'process="' in line for line in lines)
    assert "some_seconds_bucket" in generate_latest(registry(tmp_path)).decode()


def test_the_figures_of_a_killed_process_are_not_shown_and_then_removed(processes, tmp_path):
    first = processes(3)
    first.kill()
    first.wait()

    assert exposed(tmp_path) == []
    processes(4)
    assert len(list((tmp_path / "run" / "web-metrics").iterdir())) == 1


def test_without_a_web_process_there_is_nothing(tmp_path):
    assert exposed(tmp_path) == []
