"""What every test stands on: a data folder and services of its own, and nothing of the caller's environment."""

import os
import re
import shutil
import socket
import tempfile
from pathlib import Path

import django
import pytest
from django.db.backends.signals import connection_created

from celery_ledger.ledger import wakeup
from config import connections, env, services
from tests.harness.moto import S3

# Whoever made the data folder of this session removes it; pytest-xdist's workers are handed it by their environment.
MARK = "OFFSTAGE_TEST_SESSION"
# As Django writes an update or delete that joins.
JOINED_WRITE = re.compile(r'\s*(?:UPDATE|DELETE)\b.*\bIN \(SELECT \w+\."', re.DOTALL)
IS_MAKER = MARK not in os.environ  # noqa: TID251 (the suite sets the environment that the program reads)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the services and remove what the session wrote."""
    if IS_MAKER:
        services.leave(env.load())
        shutil.rmtree(env.load().data, ignore_errors=True)


@pytest.fixture(autouse=True)
def fast_passwords(settings):
    """Argon2 takes 100 ms and 100 MB a password on purpose; no test is about that."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def no_wakeup_behind(request):
    """End the thread that wakes relays, before the test's database is gone: its connection would hold that up."""
    if "transactional_db" in request.fixturenames:
        request.getfixturevalue("transactional_db")
    yield
    wakeup.stop()


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    """An S3 of this session's own."""
    with S3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def bucket(s3, settings):
    """The program with a bucket, which is empty; what it holds can be asked of it."""
    s3.start(empty=True)
    kept = connections.storage(env.read({"STORAGE_URL": s3.url}))
    settings.STORAGES = {**settings.STORAGES, "default": kept}
    return s3


def refuse_joined_writes(execute, sql, params, many, context):
    """Fail the test that executes an update or a delete over a join; see tests/architecture/writes.py."""
    if JOINED_WRITE.match(sql if isinstance(sql, str) else ""):
        raise AssertionError(f"a write over a join spends a row more than once: {sql}")
    return execute(sql, params, many, context)


def _guard(connection, **_):
    if refuse_joined_writes not in connection.execute_wrappers:
        connection.execute_wrappers.append(refuse_joined_writes)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _prepare_environment() -> None:
    environ = os.environ  # noqa: TID251
    for variable in env.variables():
        environ.pop(variable.name, None)
    environ["ENV_FILE"] = os.devnull
    environ[MARK] = tempfile.mkdtemp(prefix="offstage-test-")
    environ["OFFSTAGE_DATA"] = str(Path(environ[MARK]) / "var")
    for name in ("WEB_PORT", "FLOWER_PORT", "EXPORTER_PORT", "MAIL_PORT"):
        environ[name] = str(_free_port())
    # Not in pyproject.toml: pytest-django would load the settings before this file is read.
    environ["DJANGO_SETTINGS_MODULE"] = "config.settings"


if IS_MAKER:
    _prepare_environment()
# Here and not in a hook: the conftest files below this one import models.
services.ensure(env.load())
django.setup()
connection_created.connect(_guard)
