"""People, browsers, mail in the mailbox. Models by name: pytest reads this before Django is set up."""

import re
from email.message import EmailMessage

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

PASSWORD = "correct horse battery staple"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def surroundings(settings, tmp_path):
    """No limit and no file of another test is in the way."""
    settings.THROTTLES = {}
    settings.OFFSTAGE_DATA = tmp_path
    settings.MEDIA_FOLDER = tmp_path / "media"
    settings.UPLOAD_FOLDER = tmp_path / "uploads"
    settings.MAILBOX_FOLDER = tmp_path / "mailbox"
    settings.MAILBOX_EMBEDDED = True


@pytest.fixture
def a_user(db):
    def make(email="ada@example.org", *, verified=True, **fields):
        verified_at = timezone.now() if verified else None
        return get_user_model().objects.create_user(email, PASSWORD, verified_at=verified_at, **fields)

    return make


class Browser(Client):
    """Fills forms in as a person does: reads the page first, and sends its token along."""

    def __init__(self, **defaults):
        super().__init__(enforce_csrf_checks=True, **defaults)

    def send(self, path, fields=None, action=None, **more):
        page = self.get(path)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token, f"{path} shows no form (status {page.status_code})"
        return self.post(action or path, {**(fields or {}), "csrfmiddlewaretoken": token[1]}, **more)


@pytest.fixture
def browser():
    return Browser()


@pytest.fixture
def as_user():
    def make(user):
        browser = Browser()
        browser.force_login(user, backend=None)
        return browser

    return make


@pytest.fixture
def asked_for(db):
    """Return the names of the jobs that were asked for, oldest first."""
    return lambda: list(
        apps.get_model("celery_ledger.Job").objects.order_by("seq").values_list("name", flat=True)
    )


@pytest.fixture
def a_mail(settings):
    """Put a mail into the mailbox as the server does, and return its id."""
    settings.MAILBOX_FOLDER.mkdir(parents=True, exist_ok=True)
    count = iter(range(1, 10_000))

    def make(to="ada@example.org", subject="Hello", text="Some text.", html="<p>Some HTML.</p>", **headers):
        number = next(count)
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "Offstage <off@stage.test>", to, subject
        mail["Message-ID"] = f"<{number}@stage.test>"
        for name, value in headers.items():
            mail[name.replace("_", "-")] = value
        mail.set_content(text)
        if html:
            mail.add_alternative(html, subtype="html")
        name = f"20260101T120000{number:06}-0000000a"
        (settings.MAILBOX_FOLDER / f"{name}.eml").write_bytes(mail.as_bytes())
        return name

    return make
