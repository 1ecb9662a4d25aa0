"""`make reset`: end the embedded services and remove everything that was written at run time."""

import shutil
import sys

from config import services
from config.env import ROOT, load


def main() -> int:
    """Remove OFFSTAGE_DATA; refuses a folder that does not look like one."""
    env = load()
    if env.data.exists() and (
        env.data in ROOT.parents or env.data == ROOT or not (env.data / "run").is_dir()
    ):
        sys.stderr.write(
            f"offstage: OFFSTAGE_DATA: {env.data} does not look like a data folder; nothing removed\n"
        )
        return 1
    services.stop(env)
    shutil.rmtree(env.data, ignore_errors=True)
    sys.stdout.write(f"removed {env.data}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
