"""The ledger's own functions in random order, beside a model of what they promise: see `ledger_machine`."""

import logging
from collections.abc import Iterator

import pytest
from django.db import connection
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.ledger_machine import HOUR_SECONDS, LedgerMachine
from tests.integration.ledger_model import MAX_ATTEMPTS

EXTENT = hypothesis_settings(
    max_examples=100,
    stateful_step_count=50,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@pytest.fixture
def noted_moves(ledger: None) -> Iterator[None]:
    """Every change of a job's state leaves a row, whoever makes it and however short it stands."""
    with connection.cursor() as cursor:
        # Thousands of commits, and none has to outlive the server.
        cursor.execute(f"set synchronous_commit = off; {NOTE_MOVES}")
    yield
    with connection.cursor() as cursor:
        cursor.execute("drop function test_note_move cascade; drop table test_move; reset synchronous_commit")


NOTE_MOVES = """
    create table test_move (before text, after text);
    create function test_note_move() returns trigger language plpgsql as $$
        begin insert into test_move values (old.state, new.state); return null; end $$;
    create trigger test_move after update of state on celery_ledger_job for each row
        when (old.state <> new.state) execute function test_note_move();
"""


@pytest.mark.usefixtures("noted_moves")
@pytest.mark.timeout(600)  # a failure is made small before it is told
def test_the_ledger_keeps_its_promises_in_whatever_order_things_happen(settings, caplog):
    caplog.set_level(logging.CRITICAL)  # of thousands of steps, the few of the failing example count
    settings.JOB_MAX_ATTEMPTS = MAX_ATTEMPTS
    settings.JOB_LEASE_SECONDS = settings.JOB_RETRY_BASE_SECONDS = HOUR_SECONDS
    settings.JOB_REPUBLISH_SECONDS = HOUR_SECONDS

    run_state_machine_as_test(LedgerMachine, settings=EXTENT)
