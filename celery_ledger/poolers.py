"""A pooler before the database must pool sessions: one that pools transactions is found out at the start.

The ledger listens for commits, sets timeouts and lets PostgreSQL keep prepared statements. All three belong to a
session, and a pooler in transaction mode hands each transaction to another one.
"""

import psycopg
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper

#: Another client of the pooler may get the server in between, so one look is not enough.
LOOKS = 3

ADVICE = (
    "the database is behind a pooler that pools transactions, and the ledger needs sessions:"
    " set pool_mode = session for it, or name PostgreSQL itself in DATABASE_URL"
)


def refuse_transaction_pooling() -> None:
    """Raise SystemExit, with one line, where two connections share one session of the server.

    A database that is away says nothing: whoever needs it waits for it.
    """
    try:
        shares = _two_connections_share_a_session()
    except (Error, psycopg.Error):
        return
    if shares:
        raise SystemExit(ADVICE)


def _two_connections_share_a_session() -> bool:
    # Copies: connections of their own, closed behind them. Without prepared statements, which would fail first.
    pair = [connections[DEFAULT_DB_ALIAS].copy() for _ in range(2)]
    for connection in pair:
        options = connection.settings_dict["OPTIONS"]
        connection.settings_dict["OPTIONS"] = {**options, "prepare_threshold": None, "pool": False}
    try:
        return any(_server_of(pair[0]) == _server_of(pair[1]) for _look in range(LOOKS))
    finally:
        for connection in pair:
            connection.close()


def _server_of(connection: BaseDatabaseWrapper) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        return int(cursor.fetchone()[0])
