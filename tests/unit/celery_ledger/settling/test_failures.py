"""An errback with three parameters gets the request, the exception and the traceback of what failed."""

import pytest
from celery import chord, group

from celery_ledger.models import Job
from tests.unit.celery_ledger.worker import deliver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("end_of_heartbeat")]


@pytest.fixture
def seen():
    return []


@pytest.fixture
def errback(declare, seen):
    def note_failure(request, error, traceback, *words):
        seen.append((request, error, traceback, *words))

    def note_three(request, error, traceback):
        note_failure(request, error, traceback)

    return declare(note_three)


@pytest.fixture
def boom(declare):
    def explode(*_args):
        raise ValueError("boom")

    return declare(explode)


@pytest.fixture
def note(declare):
    def echo(*args):
        return list(args)

    return declare(echo)


def run_all():
    while job := Job.objects.filter(state="queued").order_by("seq").first():
        deliver(job.pk)


def test_it_is_called_with_what_failed(seen, boom, errback):
    failed = boom.apply_async((1, {"a": 2}), link_error=errback.s())

    run_all()

    [(request, error, traceback)] = seen
    assert (request.id, request.task, request.args) == (failed.id, boom.name, [1, {"a": 2}])
    assert repr(error) == "ValueError('boom')"
    assert "explode" in traceback
    assert Job.objects.get(name=errback.name).state == "succeeded"


def test_the_end_of_a_chain_and_of_a_group_call_it(seen, boom, note, errback):
    (boom.s() | note.s()).apply_async(link_error=errback.s())
    group(note.s(), boom.s()).on_error(errback.s()).apply_async()

    run_all()

    assert {request.task for request, *_ in seen} == {boom.name}
    assert len(seen) == 2


def test_a_chord_calls_it_with_the_id_of_its_body(seen, boom, note, errback):
    body = chord([note.s(1), boom.s()], note.s().on_error(errback.s())).delay()

    run_all()

    [(request, error, _traceback)] = seen
    assert request.id == body.id
    assert "ValueError('boom')" in str(error)


def test_its_own_arguments_come_behind(seen, boom, declare):
    def four(request, error, traceback, *, word):
        seen.append((request.id, word))

    failed = boom.apply_async(link_error=declare(four).s(word="w"))

    run_all()

    assert seen == [(failed.id, "w")]
