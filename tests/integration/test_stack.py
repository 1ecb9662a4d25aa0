"""The supervisor of `make run` with made-up parts: what it does when they start, die, hang and are told to stop."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import psutil
import psycopg
import pytest

from config import services
from tests.eventually import eventually
from tests.harness.house import House
from tests.harness.ports import free_port

SERVE = "import http.server, sys; http.server.test(http.server.SimpleHTTPRequestHandler, port={port}, bind='127.0.0.1')"
WAIT = "import signal; print('here I am', flush=True); signal.pause() # waiter"
DIE = "import sys; sys.exit(7)"
DEAF = (
    "import signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    # A child in a session of its own, as an encoder's.
    "subprocess.Popen([sys.executable, '-c', 'import signal; signal.signal(15, signal.SIG_IGN); signal.pause()'],"
    " start_new_session=True); print('deaf', flush=True); signal.pause()"
)


class RunningStack:
    """A supervisor with its output collected."""

    def __init__(self, house: House, parts: list[dict], migrate: str = "print('migrated')") -> None:
        wanted = {"migrate": [sys.executable, "-c", migrate], "parts": parts}
        self.process = house.start(
            "-m",
            "tests.harness.stack_of",
            json.dumps(wanted),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.decode().rstrip("\n"))

    def says(self, beginning: str, within_seconds: float = 20) -> str:
        """Return the first line with that beginning, once it is there."""
        return eventually(
            lambda: next((line for line in self.lines if line.startswith(beginning)), ""), within_seconds
        )

    def count(self, line: str) -> int:
        return self.lines.count(line)

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Send it `number`; return its exit status and how long it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        status = self.process.wait(30)
        took = time.monotonic() - began
        self._reader.join(5)
        return status, took


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    yield house
    house.close()


def part(name: str, program: str, **more) -> dict:
    return {"name": name, "command": [sys.executable, "-c", program], **more}


def waiting(name: str = "waiter") -> dict:
    return part(name, WAIT, ready_line="here I am")


def pids_of(house: House, text: str) -> list[int]:
    """Return the processes that run a program with that text in it."""
    return [p.pid for p in house.processes() if p.cmdline()[1:2] == ["-c"] and p.cmdline()[2].endswith(text)]


def is_running(house: House, option: str) -> bool:
    """Return whether a program runs that was given this option."""
    return any(option in command_of(process) for process in house.processes())


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def test_ready_is_said_when_every_part_answers(house):
    port = free_port()
    stack = RunningStack(
        house, [part("web", SERVE.format(port=port), url=f"http://127.0.0.1:{port}/"), waiting()]
    )

    ready = stack.says("ready in ")

    assert stack.lines.index("waiter   | here I am") < stack.lines.index(ready)
    assert stack.lines.index("migrate  | migrated") < stack.lines.index("waiter   | here I am")
    assert f"  {'web pages':<10}http://127.0.0.1:{house.variables['WEB_PORT']}/" in stack.lines
    assert stack.end()[0] == 0


def test_ready_is_not_said_while_a_part_does_not_answer(house):
    stack = RunningStack(
        house,
        [waiting(), part("web", "import signal; signal.pause()", url=f"http://127.0.0.1:{free_port()}/")],
    )
    stack.says("waiter   | here I am")

    stack.end()

    assert not [line for line in stack.lines if line.startswith("ready")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_of_it(house, number):
    stack = RunningStack(house, [waiting()])
    stack.says("ready")

    status, took = stack.end(number)

    assert (status, house.processes()) == (0, [])
    assert took < 5


def test_a_part_that_does_not_listen_is_killed_with_what_it_started_within_15_seconds(house):
    stack = RunningStack(house, [part("deaf", DEAF, ready_line="deaf")])
    stack.says("ready")

    status, took = stack.end()

    assert (status, house.processes()) == (0, [])
    assert 9 < took < 15


def test_a_second_ctrl_c_kills_at_once(house):
    stack = RunningStack(house, [part("deaf", DEAF, ready_line="deaf")])
    stack.says("ready")

    stack.process.send_signal(signal.SIGINT)
    stack.says("offstage: stopping")
    status, took = stack.end(signal.SIGINT)

    assert (status, house.processes()) == (0, [])
    assert took < 4


def test_a_part_that_dies_is_started_again_and_a_line_says_why(house):
    stack = RunningStack(house, [waiting()])
    stack.says("ready")

    (pid,) = pids_of(house, "# waiter")
    os.kill(pid, signal.SIGKILL)

    assert (
        stack.says("offstage: waiter")
        == "offstage: waiter ended with signal SIGKILL; starting it again in 0.5 s"
    )
    eventually(lambda: stack.count("waiter   | here I am") == 2)
    assert stack.end()[0] == 0


def test_what_a_dead_part_left_in_its_group_does_not_live_on(house):
    leaver = (
        "import signal, subprocess, sys;"
        "subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause() # left']);"
        "print('here', flush=True); signal.pause()"
    )
    stack = RunningStack(house, [part("leaver", leaver, ready_line="here")])
    stack.says("ready")
    (left,) = eventually(lambda: pids_of(house, "# left"))

    os.kill(psutil.Process(left).ppid(), signal.SIGKILL)

    eventually(lambda: not psutil.pid_exists(left))
    stack.end()


def test_a_part_that_keeps_ending_is_started_again_later_and_takes_no_other_down(house):
    stack = RunningStack(house, [waiting(), part("sick", DIE)])

    for pause in ("0.5", "1", "2", "4", "8"):
        assert stack.says(f"offstage: sick ended with exit code 7; starting it again in {pause} s")

    assert stack.count("waiter   | here I am") == 1
    assert stack.process.poll() is None
    assert stack.end()[0] == 0


def test_a_failed_migration_takes_the_stack_down(house):
    stack = RunningStack(house, [waiting()], migrate="raise SystemExit('no such table')")

    assert stack.process.wait(20) == 1
    assert stack.says("migrate  | no such table")
    assert stack.says("offstage: the database could not be migrated (exit code 1)")
    assert house.processes() == []


@pytest.mark.parametrize("variable", ["WEB_PORT", "FLOWER_PORT", "EXPORTER_PORT", "MAIL_PORT"])
def test_a_taken_port_is_named_before_anything_runs(house, variable):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        house.variables[variable] = str(other.getsockname()[1])
        stack = RunningStack(house, [waiting()])

        assert stack.process.wait(20) == 1

    assert stack.says(f"offstage: {variable}: 127.0.0.1:{house.variables[variable]} cannot be used")
    assert not [line for line in stack.lines if "|" in line]
    assert house.processes() == []


def test_interrupted_while_the_services_start_it_ends_clean(house):
    stack = RunningStack(house, [waiting()])
    eventually((house.data / "run" / "postgres.keeper").exists)

    status, took = stack.end()

    assert (status, house.processes()) == (0, [])
    assert took < 10


def test_interrupted_while_a_cluster_is_made_it_leaves_none_of_the_programs_behind(house):
    stack = RunningStack(house, [waiting()])
    eventually(lambda: is_running(house, "--boot"))

    status, _took = stack.end()

    assert (status, house.processes()) == (0, [])


def test_interrupted_while_migrating_it_ends_clean(house):
    stack = RunningStack(
        house, [waiting()], migrate="import time; print('migrating', flush=True); time.sleep(60)"
    )
    stack.says("migrate  | migrating")

    status, took = stack.end()

    assert (status, house.processes()) == (0, [])
    assert took < 5
    assert not [line for line in stack.lines if line.startswith("waiter")]


def test_a_killed_supervisor_leaves_nobody_behind(house):
    stack = RunningStack(house, [waiting()])
    stack.says("ready")

    stack.process.kill()

    eventually(lambda: house.processes() == [], 15)


def test_output_that_nobody_reads_any_more_stops_the_stack(house):
    talker = "import time\nwhile True: print('talk', flush=True); time.sleep(.05)"
    wanted = {"migrate": [sys.executable, "-c", ""], "parts": [part("talker", talker, ready_line="talk")]}
    process = house.start(
        "-m", "tests.harness.stack_of", json.dumps(wanted), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    process.stdout.readline()

    process.stdout.close()

    eventually(lambda: process.poll() is not None, 15)
    assert house.processes() == []


def test_a_crashed_service_is_started_again_and_a_line_says_so(house):
    stack = RunningStack(house, [waiting()])
    stack.says("ready")

    os.kill(services.states(house.env)["valkey"].pid, signal.SIGKILL)

    assert (
        stack.says("offstage: valkey") == "offstage: valkey ended with signal SIGKILL; it was started again"
    )
    assert stack.end()[0] == 0


def test_a_killed_keeper_is_replaced(house):
    stack = RunningStack(house, [waiting()])
    stack.says("ready")
    keeper = int((house.data / "run" / "valkey.keeper").read_text())

    os.kill(keeper, signal.SIGKILL)

    stack.says("offstage: valkey ended")
    assert services.states(house.env)["valkey"] is not None
    assert stack.end()[0] == 0
    assert house.processes() == []


def test_services_that_others_use_outlive_the_stack(house):
    stack = RunningStack(house, [waiting()])
    stack.says("ready")
    services.start(house.env)
    before = services.states(house.env)

    stack.end()

    assert services.states(house.env) == before


def test_two_stacks_run_side_by_side(house, tmp_path):
    other = House(tmp_path / "other")
    stack, second = RunningStack(house, [waiting()]), RunningStack(other, [waiting()])
    stack.says("ready")
    second.says("ready")

    stack.end()

    assert len(pids_of(other, "# waiter")) == 1
    assert second.end()[0] == 0
    other.close()


def test_data_survives_the_stack(house):
    stack = RunningStack(house, [waiting()])
    stack.says("ready")
    with psycopg.connect(services.urls(house.env).database) as connection:
        connection.execute("create table kept (n int)")
    stack.end()

    stack = RunningStack(house, [waiting()])
    stack.says("ready")

    with psycopg.connect(services.urls(house.env).database) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)
    stack.end()
