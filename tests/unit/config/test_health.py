import asyncio
import socket
import time

import pytest
from celery import current_app
from django.db import connection
from django.test import AsyncClient, Client

from config import health

pytestmark = pytest.mark.django_db(transaction=True)
NOBODY_HOME = "redis://:s3cret@127.0.0.1:1/0"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def hanging():
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


@pytest.fixture
def broker_at():
    """Send what this process publishes to another broker, for as long as the test lasts."""
    before = current_app.conf.broker_url

    def change(url: str) -> None:
        current_app.conf.broker_url = url

    yield change
    current_app.conf.broker_url = before


def by_smtp(settings, port: int) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port


@pytest.mark.anyio
async def test_healthz_needs_nothing_but_the_process(settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": NOBODY_HOME}
    }

    answer = await AsyncClient().get("/healthz")

    assert answer.status_code == 200


@pytest.mark.anyio
async def test_readyz_names_each_dependency():
    answer = await AsyncClient().get("/readyz/")

    assert answer.status_code == 200
    assert answer.json() == dict.fromkeys(("database", "cache", "broker", "mail", "storage"), "ok")
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_kernel_that_cannot_confine_programs_is_named():
    assert health.weaknesses([]) == {}
    assert health.weaknesses(["landlock", "seccomp"]) == {"sandbox": "kernel lacks landlock, seccomp"}


@pytest.mark.anyio
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


@pytest.mark.anyio
@pytest.mark.parametrize("url", [NOBODY_HOME, "amqp://guest:s3cret@127.0.0.1:1//"])
async def test_a_broker_that_is_down_is_named_at_once_and_holds_no_thread(broker_at, url):
    broker_at(url)
    began = time.monotonic()

    answer = await AsyncClient().get("/readyz?only=broker")

    assert answer.status_code == 503
    assert "s3cret" not in answer.text
    assert answer.json()["broker"] in {"OperationalError", "ConnectionRefusedError", "ConnectionError"}
    assert time.monotonic() - began < health.LIMIT_SECONDS


@pytest.mark.anyio
async def test_no_password_is_told(settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": NOBODY_HOME}
    }

    answer = await AsyncClient().get("/readyz")

    assert answer.json()["cache"] == "ConnectionError"
    assert "s3cret" not in answer.text


@pytest.mark.anyio
async def test_one_that_hangs_is_given_a_second_and_asked_once_for_all_who_ask(settings, hanging):
    by_smtp(settings, hanging.getsockname()[1])
    began = time.monotonic()

    states = await asyncio.gather(*(health.ask("mail") for _ in range(10)))

    assert set(states) == {"no answer within 1 s"}
    assert time.monotonic() - began < health.LIMIT_SECONDS + 1
    hanging.accept()[0].close()
    with pytest.raises(BlockingIOError):  # there was one connection only
        hanging.accept()


@pytest.mark.anyio
async def test_a_balancer_may_ask_for_some_only(settings):
    by_smtp(settings, 1)

    answer = await AsyncClient().get("/readyz?only=database,storage")

    assert (answer.status_code, answer.json()) == (200, {"database": "ok", "storage": "ok"})


@pytest.mark.anyio
async def test_asking_for_nothing_that_is_known_is_not_ready():
    assert (await AsyncClient().get("/readyz?only=x")).status_code == 503


@pytest.mark.anyio
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

    assert (answer.status_code, answer.json()) == (503, {"storage": "NotADirectoryError"})


def test_asking_leaves_no_file_and_no_connection_behind(settings):
    # Threads of the ledger may have kept sessions of their own since earlier tests.
    before = sessions()

    Client().get("/readyz")

    assert list((settings.MEDIA_FOLDER / ".readyz").glob("*")) == []
    assert sessions() <= before


def sessions():
    """Return the sessions of this database, by process id."""
    with connection.cursor() as cursor:
        cursor.execute("select pid from pg_stat_activity where datname = current_database()")
        return {pid for (pid,) in cursor.fetchall()}
