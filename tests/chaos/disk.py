"""A file system of a few megabytes, which a fault may fill: what is written then fails as on any full disk."""

import os
import shutil
import subprocess
from pathlib import Path

PIECE = 4096


def missing_for_disk() -> str:
    """Return what this machine lacks to have one; empty where it has all."""
    mounts = (
        subprocess.run([*_root(), "mount", "--version"], capture_output=True, check=False).returncode == 0
    )
    return "" if mounts else "a disk to fill takes root, or sudo without a password"


class SmallDisk:
    """A tmpfs at `folder`, owned by who is to write there."""

    def __init__(self, folder: Path, *, megabytes: int, uid: int, gid: int) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        options = f"size={megabytes}m,mode=0700,uid={uid},gid={gid}"
        _run("mount", "-t", "tmpfs", "-o", options, "offstage-chaos", str(self.folder))

    def fill(self) -> None:
        """Leave not a byte."""
        with self._ballast.open("ab", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(b"\0" * PIECE)
            except OSError:
                return

    def drain(self) -> None:
        """Make room."""
        self._ballast.unlink()

    def close(self) -> None:
        """Take it away with all that it holds."""
        # Lazy: who still has a file of it open, keeps that one.
        _run("umount", "--lazy", str(self.folder))

    @property
    def _ballast(self) -> Path:
        return self.folder / ".ballast"


def _run(*command: str) -> None:
    subprocess.run([*_root(), *command], check=True, capture_output=True, timeout=10)


def _root() -> list[str]:
    if os.geteuid() == 0 or shutil.which("sudo") is None:
        return []
    return ["sudo", "--non-interactive"]
