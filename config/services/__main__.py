"""`python -m config.services start|stop|status`: the embedded services by hand.

Started here, they stay up until they are stopped here; otherwise they end with the last process that uses them.
"""

import argparse
import sys

from config.env import load
from config.services import ensure, front
from config.services.places import Places


def main() -> int:
    """Do what the command line says; `status` tells by its exit status whether all are up."""
    parser = argparse.ArgumentParser(
        prog="python -m config.services", description="The embedded services by hand."
    )
    parser.add_argument("what", choices=["start", "stop", "status"])
    what = parser.parse_args().what
    env = load()
    if what == "start":
        ensure(env)
        Places(env.data).pin.touch()
    elif what == "stop":
        front.stop(env)
    lines = [
        f"{name}: {f'up at {state.address}, pid {state.pid}' if state else 'down'}"
        for name, state in front.states(env).items()
    ]
    sys.stdout.write("".join(f"{line}\n" for line in lines or ["no service is embedded: every URL is given"]))
    return 0 if what != "status" or all(front.states(env).values()) else 1


if __name__ == "__main__":
    sys.exit(main())
