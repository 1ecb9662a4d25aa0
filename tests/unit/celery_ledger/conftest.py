"""The tasks that the ledger's tests ask for, and a second connection to the database."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from django.db import connection

from celery_ledger.running import heartbeat
from tests.integration.stage import broker_of_this_process, broker_that_nobody_calls
from tests.integration.testtasks import effects, tasks
from tests.unit.celery_ledger import celery_tasks


@pytest.fixture(scope="session", autouse=True)
def declared_tasks():
    """Importing has declared them."""
    return tasks


@pytest.fixture
def effect_table(transactional_db):
    effects.drop_table()
    effects.create_table()
    yield effects
    effects.drop_table()


@pytest.fixture
def other(transactional_db):
    """Runs functions on a database connection of their own, one after the other: `other(function, *args)`."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        yield lambda function, *args: thread.submit(function, *args).result(timeout=10)
        thread.submit(_close_connection).result()


def _close_connection():
    connection.close()


@pytest.fixture
def unheard_broker():
    """Make this process speak to a broker that never answers; a call of it fails the test."""
    with broker_that_nobody_calls():
        yield


@pytest.fixture
def refusing_broker():
    """Make this process speak to a broker that is not there: bound, and nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with broker_of_this_process(f"redis://127.0.0.1:{bound.getsockname()[1]}/0"):
            yield


@pytest.fixture
def declare():
    """Declare functions as Celery's own tasks, as long as the test lasts: `declare(body, **options)`."""
    with ExitStack() as stack:
        yield lambda body, **options: stack.enter_context(celery_tasks.declared(body, **options))


@pytest.fixture
def end_of_heartbeat():
    yield
    heartbeat.of_this_process().end()
