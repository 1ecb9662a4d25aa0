"""What a keeper tells the others about its service: a file that is there while the service can be used."""

import contextlib
import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

from config.services import locks
from config.services.places import Places

# Exit status of a keeper that found another one at work.
ALREADY_KEPT = 3


@dataclass(frozen=True, slots=True)
class State:
    """A service that can be used."""

    pid: int
    address: str
    starts: int
    last_end: str  # How it ended the time before; empty at the first start.


@dataclass(frozen=True, slots=True)
class Board:
    """The files by which the keeper of one service and its users know of each other."""

    places: Places
    name: str

    @property
    def claim(self) -> Path:
        """Locked by the keeper for its life; holds its process id."""
        return self.places.run / f"{self.name}.keeper"

    @property
    def _state(self) -> Path:
        return self.places.run / f"{self.name}.json"

    @property
    def _failure(self) -> Path:
        return self.places.run / f"{self.name}.failed"

    def announce(self, state: State) -> None:
        """Tell that the service can be used."""
        _write(self._state, json.dumps(asdict(state)))

    def withdraw(self) -> None:
        """Tell that the service cannot be used. Twice: nothing more happens."""
        self._state.unlink(missing_ok=True)

    def give_up(self, reason: str) -> None:
        """Leave the reason for those who wait for the service."""
        _write(self._failure, reason)

    def forget_failure(self) -> None:
        """Take back the reason of an earlier failure."""
        self._failure.unlink(missing_ok=True)

    def failure(self) -> str:
        """Return why the last keeper gave up."""
        return (
            self._failure.read_text()
            if self._failure.exists()
            else f"its keeper ended; see {self.places.log(self.name)}"
        )

    def is_kept(self) -> bool:
        """Return whether a living keeper has the service."""
        return locks.is_claimed(self.claim)

    def tell_to_stop(self) -> None:
        """Have the keeper end its service and itself, where there is one."""
        pid = self.claim.read_text() if self.is_kept() else ""
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGTERM)

    def state(self) -> State | None:
        """Return the service as it stands, or None where it cannot be used now."""
        try:
            text = self._state.read_text()
        except FileNotFoundError:
            return None
        # A keeper that was killed left its file behind.
        return State(**json.loads(text)) if self.is_kept() else None


def _write(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.rename(path)
