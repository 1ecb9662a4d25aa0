"""Running a program as a user without rights: PostgreSQL refuses to run as root."""

import ctypes
import os
import pwd
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
# linux/prctl.h and linux/capability.h
_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1


@dataclass(frozen=True, slots=True)
class Identity:
    """A user to run as. With `passes_closed_folders` it gets through folders that are closed to it (Linux)."""

    uid: int
    gid: int
    passes_closed_folders: bool


def identity_for(*needed: Path) -> Identity | None:
    """Return whom to run as so that `needed` can be reached, or None where this process is not root anyway.

    `nobody`, because initdb wants a user that has a name and every system has this one. The folders on the way (/root,
    the 0700 folders of pytest) are left as they are; where one is closed, the one capability that passes it is kept.
    """
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    closed = any(
        folder.exists() and not folder.stat().st_mode & 0o001 for path in needed for folder in path.parents
    )
    return Identity(nobody.pw_uid, nobody.pw_gid, passes_closed_folders=closed)


def before_exec(identity: Identity | None, dies_with_parent_by: int | None) -> Callable[[], None]:
    """Return what a forked child does before it becomes the program: change user, and die with its parent (Linux)."""

    def prepare() -> None:
        if identity is not None:
            _become(identity)
        # Last, because a change of user takes it back.
        if dies_with_parent_by is not None and sys.platform == "linux":
            _LIBC.prctl(_PR_SET_PDEATHSIG, dies_with_parent_by, 0, 0, 0)

    return prepare


def hand_over(folder: Path, identity: Identity | None) -> None:
    """Make `folder`, closed to all but `identity`."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if identity is not None:
        os.chown(folder, identity.uid, identity.gid)


def _become(identity: Identity) -> None:
    keeps = identity.passes_closed_folders and sys.platform == "linux"
    if keeps:
        _LIBC.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(identity.gid)
    os.setuid(identity.uid)
    if keeps:
        _keep_dac_override()


def _keep_dac_override() -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    mask = 1 << _CAP_DAC_OVERRIDE
    # effective, permitted, inheritable; then the same for capabilities 32 and up.
    sets = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    if _LIBC.capset(header, sets) == 0:
        _LIBC.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)
