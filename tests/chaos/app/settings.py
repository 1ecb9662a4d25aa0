"""The project's settings, with the counted jobs installed and a clock that a test can wait for."""

from config import settings as real

globals().update({name: getattr(real, name) for name in dir(real) if name.isupper()})

INSTALLED_APPS = [*real.INSTALLED_APPS, "tests.chaos.app"]
SETTINGS_MODULE = __name__
# Hashing is not what is broken here, and Argon2 takes a tenth of a second.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WORKER_STOP_SECONDS = 3.0
