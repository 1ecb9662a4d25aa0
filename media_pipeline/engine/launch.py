"""Start a program under limits and confined; run as a script by its own path, then replaced by that program.

A script between the worker and its ffmpeg, rather than `preexec_fn`: that one is unsafe in a process with threads,
and limits set from outside after the start come too late for the first instructions.
"""

import ctypes
import json
import os
import resource
import signal
import sys

# Run in isolated mode, so that nothing but what stands here decides where modules come from.
sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # noqa: PTH100, PTH120 - pathlib takes 3 ms to import

from media_pipeline.engine import sandbox

PR_SET_PDEATHSIG = 1
# All that a program gets of the environment: neither the secret key nor a database's password.
ENVIRONMENT = {"LC_ALL": "C.UTF-8"}


def main(limits: dict[str, int], reads: list[str], writes: list[str], program: list[str]) -> None:
    """Lower the priority, set the limits, confine the process, tie its life to its starter's, become the program."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The starter may have died before the line above; then nobody would end the program.
    if os.getppid() != limits.pop("parent"):
        sys.exit(1)
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        # Python ignores both, and what is ignored stays so in the program: it would not die of its limit.
        signal.signal(ignored, signal.SIG_DFL)
    os.nice(limits.pop("nice"))
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        # Soft below hard: the program then dies of SIGXCPU, which can be told from a kill for want of memory.
        ceiling = resource.getrlimit(kind)[1]
        hard = value + 10 if name == "CPU" else value
        if ceiling != resource.RLIM_INFINITY:
            hard = min(hard, ceiling)
        resource.setrlimit(kind, (min(value, hard), hard))
    sandbox.confine(reads, writes)
    os.execve(program[0], program, ENVIRONMENT)  # noqa: S606 - an absolute path and a list, no shell


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]), program=[os.path.abspath(sys.argv[2]), *sys.argv[3:]])  # noqa: PTH100 - as above
