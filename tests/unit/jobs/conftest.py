"""The tasks that the ledger's tests ask for, and a second connection to the database."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tests.integration.testtasks import effects, tasks


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
