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
_PR_GET_SECUREBITS = 27
_PR_SET_SECUREBITS = 28
# linux/securebits.h
_SECBIT_NO_SETUID_FIXUP = 1 << 2
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
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise OSError(
            "PostgreSQL does not run as root, and there is no user nobody; set DATABASE_URL"
        ) from None
    closed = any(
        folder.exists() and _is_closed(folder.stat(), nobody) for path in needed for folder in path.parents
    )
    return Identity(nobody.pw_uid, nobody.pw_gid, passes_closed_folders=closed)


def can_run(program: Path, identity: Identity | None) -> bool:
    """Return whether `identity` can execute `program`, as access(2) tells it.

    Checked by a child that has become that user: initdb and postgres call access(2) on themselves, and whether a kept
    capability counts there depends on the kernel and on what a container forbids.
    """
    child = os.fork()
    if child == 0:
        try:
            before_exec(identity, None)()
            os._exit(0 if os.access(program, os.R_OK | os.X_OK) else 1)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


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


def _is_closed(folder: os.stat_result, user: pwd.struct_passwd) -> bool:
    """Return whether the permissions of `folder` keep `user` from what lies in it."""
    if folder.st_uid == user.pw_uid:
        return not folder.st_mode & 0o100
    return not folder.st_mode & (0o010 if folder.st_gid == user.pw_gid else 0o001)


def _become(identity: Identity) -> None:
    keeps = identity.passes_closed_folders and sys.platform == "linux"
    if keeps:
        _LIBC.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
        # Without this bit access(2) ignores the capabilities of every user but root, and initdb, which asks access(2)
        # whether its own binaries can be executed, calls them invalid. The bit survives exec; where it is refused
        # (no CAP_SETPCAP), can_run() says so.
        bits = _LIBC.prctl(_PR_GET_SECUREBITS, 0, 0, 0, 0)
        _LIBC.prctl(_PR_SET_SECUREBITS, max(bits, 0) | _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
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
