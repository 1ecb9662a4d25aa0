"""Users, clients, a ledger to look into, a mail server. Models by name: pytest reads this before Django is set up."""

import uuid
from contextlib import contextmanager

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.utils import timezone
from rest_framework.test import APIClient

from celery_ledger.current import CurrentJob, running
from tests.smtp_server import MailServer

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def surroundings(settings, tmp_path):
    """No limit and no file of another test is in the way."""
    settings.THROTTLES = {}
    settings.OFFSTAGE_DATA = tmp_path
    settings.STATIC_ROOT = tmp_path  # whitenoise warns of a folder that is not there
    settings.PUBLIC_URL = "https://offstage.test"


@pytest.fixture
def a_user(db):
    def make(email="ada@example.org", *, verified=True, **fields):
        verified_at = timezone.now() if verified else None
        return get_user_model().objects.create_user(email, PASSWORD, verified_at=verified_at, **fields)

    return make


@pytest.fixture
def api():
    return APIClient()


@pytest.fixture
def as_user():
    def make(user):
        client = APIClient()
        client.force_authenticate(user)
        return client

    return make


@pytest.fixture
def logged_in():
    def make(user):
        client = APIClient()
        answer = client.post("/api/login", {"email": user.email, "password": PASSWORD})
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['token']}")
        return client

    return make


@pytest.fixture
def asked_for(db):
    """Return what the jobs of a name were asked for with, oldest first."""

    def look(name):
        rows = apps.get_model("celery_ledger.Job").objects.filter(name=name).order_by("seq")
        return list(rows.values_list("args", flat=True))

    return look


@pytest.fixture
def mail_server(settings):
    """Return a function that starts a mail server, well-behaved or not, and sends our mail to it."""
    started = []

    def start(**faults):
        server = MailServer(**faults)
        server.start()
        started.append(server)
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.address
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_TIMEOUT = 0.5
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def as_job():
    """Return a context in which a job with that id runs."""

    @contextmanager
    def enter(job_id=None, name="accounts.test"):
        job_id = job_id or str(uuid.uuid4())
        job = CurrentJob(
            id=job_id,
            name=name,
            queue="mail",
            attempt=1,
            max_attempts=5,
            root_id=job_id,
            request_id=None,
            token=uuid.uuid4(),
        )
        with running(job):
            yield job

    return enter


def text_of(message):
    """Return the text part of a mail that arrived."""
    return message.get_body(("plain",)).get_content()


def token_in(message):
    """Return the token out of the line that is only the link."""
    (line,) = [line for line in text_of(message).splitlines() if line.startswith("https://")]
    return line.partition("?token=")[2]
