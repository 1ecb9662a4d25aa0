"""The options of a call: refused before any SQL where no job could be written with them."""

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from celery import current_app
from celery.app.routes import prepare
from celery.exceptions import QueueNotFound
from django.db import transaction

from celery_ledger.asking import options
from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.canvas import chain, step
from celery_ledger.errors import LedgerError
from celery_ledger.models import Job

pytestmark = pytest.mark.django_db

WEST = timezone(-timedelta(hours=12))


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"task_id": "mine"}, ValueError),
        ({"root_id": "a\x00"}, ValueError),
        ({"countdown": 1e13}, ValueError),
        ({"countdown": -1e13}, ValueError),
        ({"countdown": math.nan}, ValueError),
        ({"countdown": math.inf}, ValueError),
        ({"countdown": "10"}, TypeError),
        ({"eta": datetime(9999, 12, 31, 23, tzinfo=WEST)}, ValueError),
        ({"eta": "tomorrow"}, ValueError),
        ({"eta": 5}, TypeError),
        ({"unique_key": "k" * 201}, ValueError),
        ({"order_key": "k" * 201}, ValueError),
        ({"order_key": "k\x00"}, ValueError),
        ({"order_key": "k\ud800"}, ValueError),
        ({"unique_key": 5}, TypeError),
        ({"queue": "gone"}, QueueNotFound),
        ({"routing_key": "gone"}, LedgerError),
        ({"exchange": "gone", "routing_key": "mail"}, LedgerError),
    ],
)
def test_an_option_that_cannot_be_written_is_refused_and_leaves_the_callers_transaction_alive(given, error):
    with transaction.atomic():
        with pytest.raises(error, match=r"test\.note"):
            current_app.tasks["test.note"].apply_async((1,), **given)

        assert not Job.objects.exists()


@pytest.mark.parametrize("given", [{"countdown": 1e13}, {"queue": "gone"}, {"eta": "tomorrow"}])
def test_the_options_of_a_later_step_are_checked_when_its_canvas_is_asked_for(given):
    with pytest.raises((ValueError, QueueNotFound), match=r"test\.note"):
        enqueue(chain(step("test.add", 1, 2), step("test.note").set(**given)))


def test_an_eta_without_a_zone_is_in_the_applications():
    without = datetime(2030, 1, 1)  # noqa: DTZ001 (what a caller may hand over)

    for eta in (without, without.replace(tzinfo=UTC)):
        assert options.moment(current_app, "test.note", "eta", eta) == "2030-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    "given", [{"routing_key": "mail"}, {"exchange": "mail"}, {"exchange": "mail", "routing_key": "mail"}]
)
def test_exchange_and_routing_key_lead_to_the_queue_that_is_bound_with_them(given):
    current_app.tasks["celery.accumulate"].apply_async((1,), **given)

    assert Job.objects.get().queue == "mail"


def test_a_route_may_name_an_exchange_and_a_routing_key():
    router = current_app.amqp.router
    before = router.routes
    router.routes = prepare({"celery.accumulate": {"exchange": "mail", "routing_key": "mail"}})
    try:
        current_app.tasks["celery.accumulate"].delay(1)
    finally:
        router.routes = before

    assert Job.objects.get().queue == "mail"


def test_the_lengths_are_those_of_the_columns():
    fields = {name: Job._meta.get_field(name).max_length for name in ("order_key", "unique_key", "queue")}

    assert fields == {
        "order_key": options.MAX_KEY_CHARS,
        "unique_key": options.MAX_KEY_CHARS,
        "queue": options.MAX_QUEUE_CHARS,
    }
