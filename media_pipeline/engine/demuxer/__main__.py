"""Answer one question about an untrusted file; run in a limited process, never imported by a worker.

Arguments: "probe", "remux" or "cut", then one JSON object. Answers with one JSON object on stdout; `refused` in it is
a word that demux.py turns into the reason that the video's owner reads.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import av

from .cutting import cut
from .probing import probe
from .remuxing import remux
from .source import Refused

COMMANDS: dict[str, Callable[..., dict[str, Any]]] = {"probe": probe, "remux": remux, "cut": cut}


def main(command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run one command and return its answer."""
    av.logging.set_level(av.logging.PANIC)
    try:
        return COMMANDS[command](**arguments)
    except Refused as refusal:
        return {"refused": str(refusal)}
    except MemoryError:
        return {"refused": "memory"}
    except av.FFmpegError:
        return {"refused": "broken"}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], json.loads(sys.argv[2])), default=str))
    sys.stdout.flush()
    # Nothing is cleared up: freeing what is in sound.never_freed would end the process by a signal.
    os._exit(0)
