"""The front door of the embedded services: where they are, and seeing to it that they are up."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from urllib.parse import quote

from config.env import ROOT, Env, MailServer
from config.services import locks, mailbox, postgres
from config.services.keeper import ALREADY_KEPT, service_of
from config.services.places import Places
from config.services.service import ServiceFailed
from config.services.state import Board, State

POLL_SECONDS = 0.02
START_SECONDS = 130.0
STOP_SECONDS = 12.0


@dataclass(frozen=True, slots=True)
class ServiceUrls:
    """Where the services are, embedded or not."""

    database: str
    cache: str
    broker: str
    email: MailServer


def urls(env: Env) -> ServiceUrls:
    """Return where the services are, the embedded ones where `env` names none; starts nothing."""
    places = Places(env.data)
    folder, valkey = (
        quote(str(places.postgres_socket_folder), safe=""),
        quote(str(places.valkey_socket)),
    )
    return ServiceUrls(
        database=env.services.database_url
        or f"postgresql://{postgres.USER}@/{postgres.DATABASE}?host={folder}",
        cache=env.services.cache_url or f"unix://{valkey}?db=1",
        broker=env.services.broker_url or f"redis+socket://{valkey}?virtual_host=0",
        email=env.services.mail_server
        or MailServer(mailbox.HOST, env.ports.mail, "", "", starttls=False, tls=False),
    )


def ensure(env: Env) -> None:
    """Have every embedded service that `env` needs up while this process lives; end it with one line where one fails.

    Twice: cheap. Two at once: both get the same services.
    """
    try:
        start(env)
    except ServiceFailed as error:
        print(f"offstage: {error}", file=sys.stderr)  # noqa: T201 (no logging yet)
        raise SystemExit(1) from None


def start(env: Env) -> None:
    """As `ensure`, but raises ServiceFailed."""
    names = needed(env)
    if not names:
        return
    places = Places(env.data)
    try:
        places.make()
    except OSError as error:
        raise ServiceFailed(
            f"OFFSTAGE_DATA: {env.data} cannot be used ({error})"
        ) from error
    # First: from here on no keeper ends its service for want of users.
    locks.join(places.users_lock)
    _bring_up(env, places, names)


def needed(env: Env) -> list[str]:
    """Return the names of the embedded services, those whose URL `env` does not name."""
    given = env.services
    wanted = {
        "postgres": given.database_url is None,
        "valkey": given.cache_url is None or given.broker_url is None,
        "mailbox": given.mail_server is None,
    }
    return [name for name, is_wanted in wanted.items() if is_wanted]


def states(env: Env) -> dict[str, State | None]:
    """Return each embedded service as it stands: None where it cannot be used now."""
    return {name: Board(Places(env.data), name).state() for name in needed(env)}


def leave(env: Env) -> None:
    """Use the services no longer; where nobody else does, return when they have ended."""
    places = Places(env.data)
    if not places.users_lock.exists():
        return
    locks.leave(places.users_lock)
    with locks.alone(places.users_lock) as unused:
        if unused and not places.pin.exists():
            _end(env, places)


def stop(env: Env) -> None:
    """End the embedded services, whoever uses them. Returns when they have ended."""
    places = Places(env.data)
    places.pin.unlink(missing_ok=True)
    if places.run.exists():
        _end(env, places)


def _bring_up(env: Env, places: Places, names: list[str]) -> None:
    started: set[str] = set()
    deadline = time.monotonic() + START_SECONDS
    while missing := [name for name in names if not _is_up(env, places, name)]:
        if time.monotonic() > deadline:
            raise ServiceFailed(
                f"{missing[0]} did not answer within {START_SECONDS:g} s; see {places.log(missing[0])}"
            )
        for name in missing:
            board = Board(places, name)
            if board.is_kept():
                continue
            if name in started:
                raise ServiceFailed(board.failure())
            if _start_keeper(env, name):
                started.add(name)
        time.sleep(POLL_SECONDS)


def _is_up(env: Env, places: Places, name: str) -> bool:
    state = Board(places, name).state()
    if state is None:
        return False
    address = service_of(name, places, env.ports.mail).address
    if state.address != address:
        raise ServiceFailed(
            f"MAIL_PORT: the mailbox of {env.data} is up at {state.address}; use the same MAIL_PORT, or another OFFSTAGE_DATA"
        )
    return True


def _start_keeper(env: Env, name: str) -> bool:
    """Start a keeper; return False where another one was quicker."""
    arguments = ["--data", str(env.data), "--mail-port", str(env.ports.mail), name]
    with Places(env.data).log(name).open("ab") as log:
        ended = subprocess.run(
            [sys.executable, "-m", "config.services.keeper", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # The terminal's Ctrl-C is not meant for it.
            start_new_session=True,
            cwd=ROOT,
            check=False,
        )
    if ended.returncode not in (0, ALREADY_KEPT):
        raise ServiceFailed(
            f"the keeper of {name} does not start; see {Places(env.data).log(name)}"
        )
    return ended.returncode == 0


def _end(env: Env, places: Places) -> None:
    boards = [Board(places, name) for name in ("postgres", "valkey", "mailbox")]
    for board in boards:
        pid = board.keeper_pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while any(board.is_kept() for board in boards) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
