"""A pooler that hands one session to two connections is refused; PostgreSQL itself and a missing one are not."""

import pytest
from django.db import connections

from celery_ledger import poolers

pytestmark = pytest.mark.django_db(transaction=True)


def test_postgresql_itself_is_taken():
    poolers.refuse_transaction_pooling()


def test_two_connections_that_share_a_session_are_refused_in_one_line(monkeypatch):
    # As behind a pooler in transaction mode: both copies are the one connection.
    default = connections["default"]
    monkeypatch.setitem(default.settings_dict, "OPTIONS", default.settings_dict["OPTIONS"])
    monkeypatch.setattr(type(default), "copy", lambda self, alias=None: self)

    with pytest.raises(SystemExit, match=r"^the database is behind a pooler .* pool_mode = session"):
        poolers.refuse_transaction_pooling()


def test_a_database_that_is_away_is_waited_for_elsewhere(monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "HOST", "/nowhere")

    poolers.refuse_transaction_pooling()
