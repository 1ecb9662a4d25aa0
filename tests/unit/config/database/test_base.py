import pytest
from django.db import OperationalError, close_old_connections, connection, transaction

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def session_of_its_own():
    yield
    connection.close()


@pytest.fixture
def pooled():
    """A second way to the same database, through a pool of one session."""
    one = connection.copy("pooled")
    one.settings_dict["CONN_MAX_AGE"] = 0
    one.settings_dict["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 1, "timeout": 5}
    yield one
    one.close()
    one.close_pool()


def end_writes(one=connection):
    """Make the session what a server that only reads gives out; `close` does not make it write again."""
    with one.cursor() as cursor:
        cursor.execute("set session characteristics as transaction read only")


def write(one=connection):
    with one.cursor() as cursor:
        cursor.execute("update django_session set expire_date = now()")


def test_a_refused_write_is_an_outage_and_no_bug():
    end_writes()

    with pytest.raises(OperationalError, match="read-only"):
        write()


def test_the_session_is_not_used_again():
    end_writes()
    with pytest.raises(OperationalError):
        write()

    close_old_connections()  # what a request and a job begin with

    write()


def test_a_transaction_that_was_refused_leaves_the_next_one_free():
    end_writes()
    with pytest.raises(OperationalError), transaction.atomic():
        write()

    with transaction.atomic():
        write()


def test_a_pool_does_not_hand_the_session_out_again(pooled):
    end_writes(pooled)
    with pytest.raises(OperationalError):
        write(pooled)
    pooled.close()

    write(pooled)
