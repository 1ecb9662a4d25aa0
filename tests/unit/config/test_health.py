import asyncio
import socket
import threading
import time

import pytest
from django.db import connections
from django.test import AsyncClient

from config import health

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]
NOBODY_HOME = "redis://:s3cret@127.0.0.1:1/0"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def hanging_port():
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def by_smtp(settings, port: int) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port


async def test_healthz_needs_nothing_but_the_process(settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": NOBODY_HOME}
    }

    answer = await AsyncClient().get("/healthz")

    assert answer.status_code == 200


async def test_readyz_names_each_dependency():
    answer = await AsyncClient().get("/readyz/")

    assert answer.status_code == 200
    assert answer.json() == dict.fromkeys(("database", "cache", "broker", "mail", "storage"), "ok")
    assert answer.headers["Cache-Control"] == "no-store"


async def test_one_that_is_down_makes_503_and_is_named(settings):
    by_smtp(settings, 1)

    answer = await AsyncClient().get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {
        "database": "ok",
        "cache": "ok",
        "broker": "ok",
        "mail": "ConnectionRefusedError",
        "storage": "ok",
    }


async def test_no_password_is_told(settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": NOBODY_HOME}
    }

    answer = await AsyncClient().get("/readyz")

    assert answer.json()["cache"] == "ConnectionError"
    assert "s3cret" not in answer.text


async def test_one_that_hangs_is_given_a_second_and_one_thread(settings, hanging_port):
    by_smtp(settings, hanging_port)
    settings.EMAIL_TIMEOUT = 3
    health_limit, began = health.LIMIT_SECONDS, time.monotonic()

    answers = await asyncio.gather(*(AsyncClient().get("/readyz?only=mail") for _ in range(10)))

    assert {answer.status_code for answer in answers} == {503}
    assert time.monotonic() - began < health_limit + 2
    assert sum("asyncio" in thread.name for thread in threading.enumerate()) < 10


async def test_a_balancer_may_ask_for_some_only(settings):
    by_smtp(settings, 1)

    answer = await AsyncClient().get("/readyz?only=database,storage")

    assert (answer.status_code, answer.json()) == (200, {"database": "ok", "storage": "ok"})


async def test_asking_for_nothing_that_is_known_is_not_ready():
    assert (await AsyncClient().get("/readyz?only=x")).status_code == 503


async def test_storage_that_cannot_be_written_is_named(settings, tmp_path):
    (tmp_path / "file").write_text("in the way")
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "file"},
        },
    }

    answer = await AsyncClient().get("/readyz?only=storage")

    assert (answer.status_code, answer.json()) == (503, {"storage": "FileExistsError"})


async def test_asking_leaves_no_file_and_no_connection_behind(settings):
    await AsyncClient().get("/readyz")

    assert list((settings.MEDIA_FOLDER / ".readyz").glob("*")) == []
    with connections["default"].cursor() as cursor:
        cursor.execute("select count(*) from pg_stat_activity where datname = current_database()")
        assert cursor.fetchone()[0] == 1
