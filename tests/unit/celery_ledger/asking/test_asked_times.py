from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from celery_ledger.models import Job
from tests.unit.celery_ledger.celery_tasks import declared
from tests.unit.celery_ledger.worker import deliver

pytestmark = pytest.mark.django_db


@pytest.fixture
def times():
    """The `eta` and the `expires` that bodies of `ask` have read."""
    return []


@pytest.fixture
def ask(times):
    def body(self):
        times.append((self.request.eta, self.request.expires))

    with declared(body, bind=True) as task:
        yield task.apply_async


def test_a_body_reads_the_moment_for_which_it_was_asked(ask, times):
    moment = timezone.now() - timedelta(seconds=1)

    deliver(ask(eta=moment).id)

    assert [(datetime.fromisoformat(eta), expires) for eta, expires in times] == [(moment, None)]


def test_a_countdown_is_read_as_the_moment_to_which_it_leads(ask, times):
    began_at = timezone.now()
    job_id = ask(countdown=100).id
    Job.objects.update(run_at=began_at, state="queued")

    deliver(job_id)

    [(eta, _)] = times
    assert timedelta(seconds=100) <= datetime.fromisoformat(eta) - began_at < timedelta(seconds=130)


def test_a_body_reads_when_it_would_have_expired(ask, times):
    began_at = timezone.now()

    deliver(ask(expires=100).id)

    [(eta, expires)] = times
    assert eta is None
    assert timedelta(seconds=100) <= datetime.fromisoformat(expires) - began_at < timedelta(seconds=130)


def test_a_job_for_now_has_neither(ask, times):
    deliver(ask().id)

    assert times == [(None, None)]
