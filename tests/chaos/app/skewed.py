"""The same settings on a host whose clock is wrong by SKEW_SECONDS: what `time` and `datetime` say in this process.

Python's clock and not the system's, which takes no root and no library to preload. Nothing else is shifted: monotonic
time goes on, the kernel stamps files with the true time, and the database has a clock of its own.
"""

import os
import time

import time_machine

from tests.chaos.app import settings

globals().update({name: getattr(settings, name) for name in dir(settings) if name.isupper()})

SETTINGS_MODULE = __name__
# It replaces the C functions themselves: what has imported them before sees the wrong time too, and so do forks.
time_machine.travel(time.time() + float(os.environ["SKEW_SECONDS"]), tick=True).start()  # noqa: TID251 (of a test's own)
