"""The front door of the embedded services: where they are, and seeing to it that they are up."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from config.env import ROOT, Env, MailServer
from config.private_folder import make_private
from config.services import locks
from config.services.places import MAIL_HOST, Places
from config.services.service import ServiceFailed
from config.services.state import ALREADY_KEPT, Board, State

NAMES = ("postgres", "valkey", "mailbox")
POLL_SECONDS = 0.02
# Longer than the keeper's own patience, so that its reason is heard.
START_SECONDS = 150.0
STOP_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class ServiceUrls:
    """Where the services are, embedded or not."""

    database: str
    cache: str
    broker: str
    email: MailServer


def urls(env: Env) -> ServiceUrls:
    """Return where the services are, the embedded ones where `env` names none; starts nothing."""
    places, given = Places(env.data), env.services
    mailbox = MailServer(MAIL_HOST, env.ports.mail, "", "", starttls=False, tls=False)
    return ServiceUrls(
        database=given.database_url or places.database_url,
        cache=given.cache_url or places.cache_url,
        broker=given.broker_url or places.broker_url,
        email=given.mail_server or mailbox,
    )


def needed(env: Env) -> list[str]:
    """Return the names of the embedded services that `env` needs: those whose URL it does not give."""
    given = env.services
    is_needed = {
        "postgres": given.database_url is None,
        "valkey": given.cache_url is None or given.broker_url is None,
        "mailbox": given.mail_server is None,
    }
    return [name for name in NAMES if is_needed[name]]


def states(env: Env) -> dict[str, State | None]:
    """Return each embedded service that `env` needs as it stands: None where it cannot be used now."""
    return {name: Board(Places(env.data), name).state() for name in needed(env)}


def ensure(env: Env) -> None:
    """Have every embedded service that `env` needs up while this process lives; end it with one line where one fails.

    Twice: nothing more happens, in under a millisecond. Two processes at once: both get the same services.
    """
    try:
        start(env)
    except ServiceFailed as error:
        print(f"offstage: {error}", file=sys.stderr)  # noqa: T201 (no logging yet: the settings come after)
        raise SystemExit(1) from None


def start(env: Env, interrupted: Callable[[], bool] = lambda: False) -> None:
    """As `ensure`, but raises ServiceFailed, also where `interrupted` becomes true meanwhile."""
    names, places = needed(env), Places(env.data)
    if not names:
        _protect_data(env)
        return
    try:
        make_private(env.data)
        places.make()
        # From here on no keeper ends its service for want of users.
        locks.join(places.users_lock)
    except OSError as error:
        raise ServiceFailed(f"OFFSTAGE_DATA: {env.data} cannot be used: {error}") from error
    starts = {name: _Start(env, places, name) for name in names}
    deadline = time.monotonic() + START_SECONDS
    while waiting := [name for name in names if not starts[name].is_done()]:
        if interrupted():
            raise ServiceFailed("interrupted")
        if time.monotonic() > deadline:
            log = places.log(waiting[0])
            raise ServiceFailed(f"{waiting[0]} did not answer within {START_SECONDS:g} s; see {log}")
        time.sleep(POLL_SECONDS)  # noqa: TID251 (a file of another process is waited for)


def leave(env: Env) -> None:
    """Use the services no longer; where nobody else does, return when they have ended. Twice: nothing more happens."""
    places = Places(env.data)
    if not places.users_lock.exists():
        return
    locks.leave(places.users_lock)
    # A newcomer in between finds its services ending, and starts them again.
    if not places.pin.exists() and locks.is_unused(places.users_lock):
        _end(places)


def stop(env: Env) -> None:
    """End the embedded services, whoever uses them; return when they have ended."""
    places = Places(env.data)
    places.pin.unlink(missing_ok=True)
    if places.run.exists():
        _end(places)


def _protect_data(env: Env) -> None:
    # Where no service is embedded, a part may live without a data folder, or with one that it cannot write to.
    with contextlib.suppress(OSError):
        make_private(env.data)


class _Start:
    """The start of one service, as far as it has come."""

    def __init__(self, env: Env, places: Places, name: str) -> None:
        self.env = env
        self.places = places
        self.name = name
        self.board = Board(places, name)
        self.began = False

    def is_done(self) -> bool:
        """Return whether the service can be used; start a keeper where there is none. Raises ServiceFailed."""
        state = self.board.state()
        if state is not None:
            self._check_address(state)
            return True
        if not self.board.is_kept():
            if self.began:
                raise ServiceFailed(self.board.failure())
            self.began = self._start_keeper()
        return False

    def _check_address(self, state: State) -> None:
        address = self.places.address(self.name, self.env.ports.mail)
        if state.address != address:
            variable = "MAIL_PORT" if self.name == "mailbox" else "TMPDIR"
            raise ServiceFailed(
                f"{variable}: the {self.name} of {self.env.data} is up at {state.address}, not at {address}; "
                f"use the same {variable} for all that use this folder, or another OFFSTAGE_DATA"
            )

    def _start_keeper(self) -> bool:
        """Start a keeper; return False where another process was quicker."""
        options = ["--data", str(self.env.data), "--mail-port", str(self.env.ports.mail)]
        with self.places.log(self.name).open("ab") as log:
            ended = subprocess.run(
                [sys.executable, "-m", "config.services.keeper", *options, self.name],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # the Ctrl-C of this terminal is not meant for it
                cwd=ROOT,
                check=False,
            )
        if ended.returncode not in (0, ALREADY_KEPT):
            raise ServiceFailed(f"the keeper of {self.name} does not start; see {self.places.log(self.name)}")
        return ended.returncode == 0


def _end(places: Places) -> None:
    boards = [Board(places, name) for name in NAMES]
    deadline = time.monotonic() + STOP_SECONDS
    while (kept := [board for board in boards if board.is_kept()]) and time.monotonic() < deadline:
        # Again and again: a keeper that has just begun could not be told the first time.
        for board in kept:
            board.tell_to_stop()
        time.sleep(POLL_SECONDS)  # noqa: TID251 (a process that is no child of ours is waited for)
