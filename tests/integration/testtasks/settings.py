"""The project's settings, with the tests' tasks installed and rates that a test can measure."""

from config import settings as real

globals().update({name: getattr(real, name) for name in dir(real) if name.isupper()})

INSTALLED_APPS = [*real.INSTALLED_APPS, "tests.integration.testtasks"]
SETTINGS_MODULE = __name__
JOB_RATE_LIMITS = {**real.JOB_RATE_LIMITS, "test": "20/second"}
WORKER_STOP_SECONDS = 3.0
