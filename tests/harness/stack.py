"""The application's own processes in a house: web, workers, relay, beat, and a broker that can be taken away."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from config import services
from tests.eventually import eventually
from tests.harness.house import House
from tests.harness.member import Member

# Short enough for a test to see a lost job come back and a failed one tried again.
QUICK = {
    "JOB_LEASE_SECONDS": "3",
    "JOB_RETRY_BASE_SECONDS": "1",
    "JOB_REPUBLISH_SECONDS": "2",
    "SIGNUP_THROTTLE": "none",
    "LOG_FORMAT": "json",
}
LOG_LINES_SHOWN = 40


class Stack:
    """A house with a migrated database, and the parts that a test starts in it."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.house = House(folder, **{**QUICK, **variables})
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        self._visitors: list[Member] = []
        migrated = self.house.run("-m", "config.stack.migrate", timeout=120)
        assert migrated.returncode == 0, migrated.stderr
        services.start(self.house.env)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.house.variables['WEB_PORT']}"

    def start_web(self) -> Member:
        """Start the web process; return a visitor's client once it answers."""
        self.start("web", "-m", "config.web_server")
        visitor = self.visitor()
        eventually(lambda: self.is_running("web") and visitor.is_answered(), 30)
        return visitor

    def visitor(self) -> Member:
        """Return one more client of the web process."""
        self._visitors.append(Member(self.url, self.house.data / "mailbox"))
        return self._visitors[-1]

    def start_worker(self, name: str = "worker", *, queues: str = "", concurrency: int = 2) -> None:
        """Start a worker on `queues` (a,b; all where empty); return once it is ready."""
        options = ("-Q", queues) if queues else ()
        command = ("worker", "--hostname", f"{name}-{os.getpid()}@%h", "--concurrency", str(concurrency))
        self.start(name, "-m", "celery", "-A", "config", "-q", *command, *options)
        eventually(lambda: self.is_running(name) and " ready." in self.log(name), 30)

    def start_relay(self, name: str = "relay") -> None:
        """Start a relay by itself."""
        self.start(name, "manage.py", "relay")

    def start_beat(self, name: str = "beat") -> None:
        """Start beat."""
        self.start(name, "-m", "celery", "-A", "config", "-q", "beat")
        eventually(lambda: self.is_running(name) and "beat: Starting" in self.log(name), 30)

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start `python COMMAND` as the part `name`, its log beginning anew."""
        with (self.logs / f"{name}.log").open("wb") as log:
            self.parts[name] = self.house.start(*command, stdout=log, stderr=subprocess.STDOUT)
        return self.parts[name]

    def is_running(self, name: str) -> bool:
        status = self.parts[name].poll()
        assert status is None, f"{name} ended with {status}: {self.log(name)[-2000:]}"
        return True

    def log(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text(errors="replace")

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL, *, group: bool = False) -> None:
        """Send `number` to the part, or to all of its group; wait for its end where that is what the signal brings."""
        part = self.parts[name]
        send = os.killpg if group else os.kill
        send(part.pid, number)
        if number not in (signal.SIGSTOP, signal.SIGCONT):
            part.wait(20)

    def stop_broker(self) -> None:
        """Kill the embedded Valkey and keep it down: its keeper is frozen and cannot start it again."""
        os.kill(self._valkey_keeper(), signal.SIGSTOP)
        valkey = self._valkey()
        assert valkey is not None
        os.kill(valkey, signal.SIGKILL)
        eventually(lambda: _has_ended(valkey))

    def start_broker(self) -> None:
        """Let the keeper start Valkey again; return once it can be used."""
        before = self._valkey()
        os.kill(self._valkey_keeper(), signal.SIGCONT)
        eventually(lambda: self._valkey() not in (before, None))

    def close(self) -> None:
        """Kill everything; show the ends of the logs, which pytest prints where the test failed."""
        for log in sorted(self.logs.glob("*.log")):
            lines = log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
            sys.stdout.write("\n".join([f"--- {log}", *lines, ""]))
        for visitor in self._visitors:
            visitor.close()
        for part in self.parts.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(part.pid, signal.SIGKILL)
        os.kill(self._valkey_keeper(), signal.SIGCONT)
        self.house.close()

    def _valkey(self) -> int | None:
        state = services.states(self.house.env)["valkey"]
        return state.pid if state else None

    def _valkey_keeper(self) -> int:
        return int((self.house.data / "run" / "valkey.keeper").read_text())


def _has_ended(pid: int) -> bool:
    # Its frozen parent cannot reap it.
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
