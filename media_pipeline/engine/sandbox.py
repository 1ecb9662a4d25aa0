"""Confine a process before it reads a file that a user sent: no network, no privileges, only the named files.

Linux only: Landlock (file access, TCP, signals) and seccomp (no sockets at all, no tracing). Both are inherited by
whatever the process executes and cannot be taken back. Nothing but the standard library is imported here, and
little of it: the launcher imports this module each time it starts a program.
"""

import ctypes
import os
import stat
import sys

PR_SET_NO_NEW_PRIVS, PR_GET_SECCOMP, PR_SET_SECCOMP = 38, 21, 22
SECCOMP_MODE_FILTER = 2
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
LANDLOCK_CREATE_RULESET_VERSION = 1
LANDLOCK_RULE_PATH_BENEATH = 1

# linux/landlock.h: access rights by bit, and the ABI version that knows all bits below that number.
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
REMOVE_FILE, MAKE_DIR, MAKE_REG = 1 << 5, 1 << 7, 1 << 8
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
READING = EXECUTE | READ_FILE | READ_DIR
WRITING = READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | REMOVE_FILE | MAKE_DIR | MAKE_REG
RIGHTS_BY_ABI = ((1, 13), (2, 14), (3, 15), (5, 16))
NET_ABI, SCOPE_ABI = 4, 6
BIND_AND_CONNECT_TCP = ABSTRACT_SOCKETS_AND_SIGNALS = 3

# What programs need from the system. None of it is a secret.
SYSTEM_READS = (
    *("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime"),
    *(
        "/dev/urandom",
        "/dev/random",
        "/dev/zero",
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/sys/devices/system/cpu",
    ),
)
SYSTEM_WRITES = ("/dev/null",)

# Refused with EPERM. socket: nothing is connected, not even a local one; io_uring could open one without the call.
# The rest reads other processes (their environment holds the secret key) or leaves the confinement.
REFUSED_CALLS: dict[str, tuple[int, ...]] = {
    "x86_64": (41, 101, 165, 248, 249, 250, 272, 298, 304, 308, 310, 311, 321, 323, 425, 438),
    "aarch64": (198, 117, 40, 217, 218, 219, 97, 241, 265, 268, 270, 271, 280, 282, 425, 438),
}
AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# The second 32-bit ABI of x86-64 numbers its calls from here.
X32_CALLS = 0x40000000

# linux/filter.h and linux/seccomp.h.
LOAD_WORD, JUMP_EQUAL, JUMP_NOT_BELOW, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, REFUSE, KILL_PROCESS = 0x7FFF0000, 0x00050001, 0x80000000
OFFSET_OF_CALL, OFFSET_OF_ARCHITECTURE = 0, 4


class _RulesetAttributes(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("rights", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _Instruction(ctypes.Structure):
    _fields_ = (
        *(("code", ctypes.c_uint16), ("jump_true", ctypes.c_uint8), ("jump_false", ctypes.c_uint8)),
        ("value", ctypes.c_uint32),
    )


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.POINTER(_Instruction)))


def confine(reads: list[str], writes: list[str]) -> None:
    """Leave this process the named files and folders, and no way to open a connection.

    What the kernel lacks is left out; `missing` names it. Raises OSError where the kernel has it and refuses.
    """
    if sys.platform != "linux":
        return
    _checked(_libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if landlock_abi():
        _restrict_files([*SYSTEM_READS, *reads], [*SYSTEM_WRITES, *writes])
    if has_seccomp():
        _refuse_calls()


def missing() -> list[str]:
    """Return which parts of the confinement this machine's kernel does not offer."""
    if sys.platform != "linux":
        return ["landlock", "seccomp"]
    parts = {"landlock": landlock_abi() > 0, "seccomp": has_seccomp()}
    return [name for name, is_there in parts.items() if not is_there]


def landlock_abi() -> int:
    """Return the version of Landlock's ABI, 0 where the kernel has none or does not let us use it."""
    version = _libc().syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_CREATE_RULESET_VERSION)
    return max(0, int(version))


def has_seccomp() -> bool:
    """Return whether system calls can be filtered, on a processor whose calls we know by number."""
    return os.uname().machine in REFUSED_CALLS and _libc().prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0


def _restrict_files(reads: list[str], writes: list[str]) -> None:
    abi = landlock_abi()
    known = (1 << max(bits for version, bits in RIGHTS_BY_ABI if version <= abi)) - 1
    attributes = _RulesetAttributes(
        known,
        BIND_AND_CONNECT_TCP if abi >= NET_ABI else 0,
        ABSTRACT_SOCKETS_AND_SIGNALS if abi >= SCOPE_ABI else 0,
    )
    size = 24 if abi >= SCOPE_ABI else 16 if abi >= NET_ABI else 8
    ruleset = _checked(_libc().syscall(LANDLOCK_CREATE_RULESET, ctypes.byref(attributes), size, 0))
    for paths, rights in ((reads, READING & known), (writes, WRITING & known)):
        for path in paths:
            _allow(ruleset, path, rights)
    _checked(_libc().syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return  # The program itself says so, in its own words.
    is_folder = stat.S_ISDIR(os.fstat(parent).st_mode)
    rule = _PathBeneath(rights if is_folder else rights & ON_FILES, parent)
    _checked(
        _libc().syscall(LANDLOCK_ADD_RULE, ruleset, LANDLOCK_RULE_PATH_BENEATH, ctypes.byref(rule), 0),
    )
    os.close(parent)


def _refuse_calls() -> None:
    instructions = _instructions(os.uname().machine)
    array = (_Instruction * len(instructions))(*(_Instruction(*instruction) for instruction in instructions))
    program = _Filter(len(instructions), array)
    _checked(_libc().prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0))


def _instructions(machine: str) -> list[tuple[int, int, int, int]]:
    """Return the filter: another architecture's calls end the process, the refused ones fail, others pass."""
    calls = REFUSED_CALLS[machine]
    tests = [
        (JUMP_EQUAL, len(calls) - number, 0, call)  # to the instruction that refuses, which comes last
        for number, call in enumerate(calls)
    ]
    return [
        (LOAD_WORD, 0, 0, OFFSET_OF_ARCHITECTURE),
        (JUMP_EQUAL, 1, 0, AUDIT_ARCHITECTURES[machine]),
        (RETURN, 0, 0, KILL_PROCESS),
        (LOAD_WORD, 0, 0, OFFSET_OF_CALL),
        (JUMP_NOT_BELOW, len(calls) + 1, 0, X32_CALLS),
        *tests,
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, REFUSE),
    ]


def _checked(returned: int) -> int:
    if returned < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return returned


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
