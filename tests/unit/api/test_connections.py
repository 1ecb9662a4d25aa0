"""Connections of asynchronous code: back after each call, but not out of somebody's transaction."""

import pytest
from asgiref.sync import async_to_sync
from django.db import connection

from accounts.models import Project
from api.connections import give_back, lent


@pytest.fixture
def without_age(transactional_db, settings):
    """Connections as those of the web process, which has a pool: none is kept after its use."""
    connection.close()
    connection.settings_dict["CONN_MAX_AGE"], before = 0, connection.settings_dict["CONN_MAX_AGE"]
    yield
    connection.close()
    connection.settings_dict["CONN_MAX_AGE"] = before


def test_a_call_gives_its_connection_back(without_age):
    assert async_to_sync(lent(Project.objects.count))() == 0

    assert connection.connection is None


def test_a_call_that_fails_gives_it_back_too(without_age):
    with pytest.raises(Project.DoesNotExist):
        async_to_sync(lent(Project.objects.get))()

    assert connection.connection is None


@pytest.mark.django_db
@pytest.mark.parametrize("act", [lent(Project.objects.count), give_back])
def test_a_transaction_keeps_its_connection(act):
    Project.objects.exists()

    async_to_sync(act)()

    assert Project.objects.count() == 0
