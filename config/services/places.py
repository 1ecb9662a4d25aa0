"""Where the embedded services keep what is theirs, under one data folder."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

# sun_path holds 104 bytes on macOS and 108 on Linux, with the closing zero.
SOCKET_PATH_BYTES = 100
# The database and its owner.
DATABASE = "offstage"
MAIL_HOST = "127.0.0.1"  # Never wider: the mailbox takes mail from anybody who reaches it.


@dataclass(frozen=True, slots=True)
class Places:
    """The folders and files of one data folder."""

    data: Path

    @property
    def run(self) -> Path:
        """Locks, and what the keepers tell; sockets too where the path is short enough."""
        return self.data / "run"

    @property
    def sockets(self) -> Path:
        """The folder of the sockets: `run`, or a short one in the temp folder where that path is too long."""
        if _fits(self.run):
            return self.run
        mark = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]
        short = Path(tempfile.gettempdir()) / f"offstage-{os.geteuid()}-{mark}"
        return short if _fits(short) else Path("/tmp") / short.name  # noqa: S108 (made 0700 and checked in make())

    @property
    def postgres(self) -> Path:
        """PostgreSQL's cluster."""
        return self.data / "postgres"

    @property
    def postgres_socket_folder(self) -> Path:
        """PostgreSQL's socket is in here, and whoever may open it may connect."""
        return self.sockets / "postgres"

    @property
    def valkey(self) -> Path:
        """Valkey's data."""
        return self.data / "valkey"

    @property
    def valkey_socket(self) -> Path:
        """Valkey listens here and nowhere else."""
        return self.sockets / "valkey.sock"

    @property
    def mailbox(self) -> Path:
        """One file for each mail."""
        return self.data / "mailbox"

    def address(self, name: str, mail_port: int) -> str:
        """Return where the service `name` is reached; all users of one data folder must agree on it."""
        sockets = {"postgres": self.postgres_socket_folder, "valkey": self.valkey_socket}
        return str(sockets[name]) if name in sockets else f"{MAIL_HOST}:{mail_port}"

    @property
    def database_url(self) -> str:
        """The embedded database."""
        return f"postgresql://{DATABASE}@/{DATABASE}?host={quote(str(self.postgres_socket_folder), safe='')}"

    @property
    def broker_url(self) -> str:
        """The embedded Valkey as a broker."""
        return f"redis+socket://{quote(str(self.valkey_socket))}?virtual_host=0"

    @property
    def cache_url(self) -> str:
        """The embedded Valkey as a cache."""
        return f"unix://{quote(str(self.valkey_socket))}?db=1"

    @property
    def users_lock(self) -> Path:
        """Every process that uses the services holds this, with the others, for its life."""
        return self.run / "users.lock"

    @property
    def pin(self) -> Path:
        """While this file is there, the services stay up with nobody using them."""
        return self.run / "pinned"

    def log(self, name: str) -> Path:
        """Return the log file of the service `name`."""
        return self.data / "log" / f"{name}.log"

    def make(self) -> None:
        """Make the folders that every service needs. Raises PermissionError where another user made one."""
        self.data.mkdir(parents=True, exist_ok=True)
        self.log("").parent.mkdir(exist_ok=True)
        for folder in (self.run, self.sockets):
            folder.mkdir(mode=0o700, exist_ok=True)
            # The temp folder is everybody's: a folder that somebody else made first would let them in.
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                raise PermissionError(f"{folder} belongs to another user")


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / "postgres" / ".s.PGSQL.5432")) <= SOCKET_PATH_BYTES
