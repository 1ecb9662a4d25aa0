"""The API against its own OpenAPI document, through a real web process: nothing breaks it, nothing is unsaid.

schemathesis makes the requests, the same ones each time; `schemathesis.toml` beside this file holds its settings.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import schemathesis

from config.env import ROOT
from tests.harness.member import PASSWORD
from tests.harness.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(240)]

SETTINGS = Path(__file__).with_name("schemathesis.toml")
HOOKS = {"SCHEMATHESIS_HOOKS": "tests.integration.schemathesis_hooks", "PYTHONPATH": str(ROOT)}

# People, and rows of each kind that no request can make by itself.
ROWS = f"""
import json
from django.utils import timezone
from knox.models import AuthToken
from accounts.account_deletion import deletion
from accounts.exports import export
from accounts.models import User
from reports import build, wishes
from reports.models import ReportKind
from tests.rows import a_job

def person(name, **fields):
    user = User.objects.create_user(f"{{name}}@example.net", "{PASSWORD}", verified_at=now, **fields)
    return user, "Bearer " + AuthToken.objects.create(user)[1]

now = timezone.now()
user, bearer = person("user")
written = export.request_export(user)
export.write(str(written.pk))
report = wishes.wish(ReportKind.DAILY, None, now)
build.build(str(report.pk), now)
for state in ("queued", "dead", "cancelled", "succeeded"):
    a_job(state)
gone, _ = person("gone")
print("ROWS", json.dumps({{
    "user": bearer,
    "staff": person("staff", is_staff=True, is_superuser=True)[1],
    "leaver": person("leaver")[1],
    "returning": person("returning")[1],
    "EXPORT_ID": str(written.pk),
    "REPORT_ID": str(report.pk),
    "DELETION_ID": str(deletion.request_deletion(None, gone, "{PASSWORD}").pk),
}}))
"""

FOR_ANYONE = (
    *("signup", "verify_email", "verify_email_resend", "login", "password_reset", "password_reset_confirm"),
    *("push_key", "account_deletion_retrieve"),
)
STAFFS = "^/api/(jobs|reports)"


class Site:
    """A web process without limits on how often one may ask, and the rows above."""

    def __init__(self, folder: Path) -> None:
        unlimited = {"LOGIN_THROTTLE": "none", "PASSWORD_RESET_THROTTLE": "none"}
        self.stack = Stack(folder, **unlimited)
        made = self.stack.house.run("manage.py", "shell", "-c", ROWS)
        assert "ROWS " in made.stdout, made.stderr
        self.rows: dict[str, str] = json.loads(made.stdout.rpartition("ROWS ")[2])
        self.stack.start_web()
        self.url = self.stack.url

    def fuzz(self, person: str | None, *options: str) -> subprocess.CompletedProcess[str]:
        """Ask the API for everything, well and badly, as that person or as nobody."""
        login = [] if person is None else ["--header", f"Authorization: {self.rows[person]}"]
        command = ["--config-file", str(SETTINGS), "run", f"{self.url}/api/schema", *login, *options]
        return subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", *command],
            cwd=self.stack.logs,  # it keeps what it found where it stands
            env={**os.environ, **HOOKS, **self.rows},  # noqa: TID251 - the ids go where the settings ask for them
            capture_output=True,
            text=True,
            check=False,
        )

    def visitor(self, person: str | None = None) -> httpx.Client:
        visitor = self.stack.visitor()
        if person is not None:
            visitor.headers["Authorization"] = self.rows[person]
        return visitor


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    built = Site(tmp_path_factory.mktemp("site"))
    yield built
    built.stack.close()


def named(flag: str, names) -> list[str]:
    return [word for name in names for word in (flag, name)]


@pytest.mark.parametrize(
    ("person", "options"),
    [
        (None, ["-n", "3", *named("--include-operation-id", FOR_ANYONE)]),
        (None, ["-n", "2", "--phases", "fuzzing", *named("--exclude-operation-id", FOR_ANYONE)]),
        # Neither logging out nor ending a listed login: that ends the token. Leaving needs the password.
        (
            "user",
            [
                *("-n", "3", "--exclude-path-regex", STAFFS),
                *named("--exclude-operation-id", (*FOR_ANYONE, "logout", "account_sessions_destroy")),
            ],
        ),
        ("user", ["-n", "1", "--phases", "fuzzing", "--include-path-regex", STAFFS]),
        ("staff", ["-n", "3", "--include-path-regex", STAFFS]),
    ],
    ids=["nobody where anyone may", "nobody elsewhere", "user", "user where staff may", "staff"],
)
def test_every_answer_is_one_that_the_document_knows(site, person, options):
    fuzzed = site.fuzz(person, *options)

    assert fuzzed.returncode == 0, fuzzed.stdout + fuzzed.stderr


def test_leaving_and_its_progress_answer_as_documented(site):
    schema = schemathesis.openapi.from_url(f"{site.url}/api/schema")
    as_leaver = {"Authorization": site.rows["leaver"]}

    begun = schema["/api/account"]["DELETE"].Case(
        body={"password": PASSWORD}, media_type="application/json", headers=as_leaver
    )
    answer = begun.call_and_validate()

    assert answer.status_code == 202
    progress = schema["/api/account/deletions/{id}"]["GET"].Case(path_parameters={"id": answer.json()["id"]})
    assert progress.call_and_validate().status_code == 200
    assert schema["/api/account"]["GET"].Case(headers=as_leaver).call_and_validate().status_code == 401


def test_logging_out_answers_as_documented(site):
    schema = schemathesis.openapi.from_url(f"{site.url}/api/schema")
    # Not the user of the fuzzing, whose wrong passwords have locked that account for this client.
    sent = {"email": "returning@example.net", "password": PASSWORD}
    login = schema["/api/login"]["POST"].Case(body=sent, media_type="application/json")
    token = login.call_and_validate().json()["token"]

    answer = schema["/api/logout"]["POST"].Case(headers={"Authorization": f"Bearer {token}"})

    assert answer.call_and_validate().status_code == 204


def test_ending_a_login_answers_as_documented(site):
    schema = schemathesis.openapi.from_url(f"{site.url}/api/schema")
    # Not the user of the fuzzing, whose wrong passwords have locked that account for this client.
    sent = {"email": "returning@example.net", "password": PASSWORD}
    login = schema["/api/login"]["POST"].Case(body=sent, media_type="application/json")
    headers = {"Authorization": f"Bearer {login.call_and_validate().json()['token']}"}
    listed = (
        schema["/api/account/sessions"]["GET"].Case(headers=headers).call_and_validate().json()["results"]
    )
    (mine,) = [each["id"] for each in listed if each["current"]]

    ended = schema["/api/account/sessions/{id}"]["DELETE"].Case(path_parameters={"id": mine}, headers=headers)

    assert ended.call_and_validate().status_code == 204
    assert ended.call_and_validate().status_code == 401


NESTED = b"[" * 100_000
NUL_SESSION = r'offstage_session="' + r"\000" * 32 + '"'
SOME_ID = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("line", "content", "headers", "status"),
    [
        ("POST /api/login", NESTED, {}, 400),
        ("POST /api/login", b'{"email":"\\ud800","password":"\\u0000"}', {}, 400),
        ("POST /api/login", b'{"email":"a","password":' + b"9" * 5000 + b"}", {}, 400),
        ("POST /api/login", b"\xff\xfe", {}, 400),
        ("POST /api/login", b"{}", {"Content-Type": "application/json; charset=rot13"}, 400),
        ("POST /api/login", b"email=a", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ("POST /api/login", b" " * 3_000_000, {}, 413),
        ("POST /api/videos", b"--x--", {"Content-Type": "multipart/form-data; boundary=\xff"}, 400),
        ("POST /api/projects", b'{"name":"a"}', {"Idempotency-Key": "k" * 256}, 400),
        ("GET /api/projects?cursor=%00&page_size=1", b"", {}, 400),
        ("GET /api/projects?page_size=-1", b"", {}, 400),
        (f"GET /api/projects/{'-' * 36}", b"", {}, 404),
        (f"GET /api/videos/{SOME_ID}/files/%00", b"", {}, 404),
        (f"PUT /api/videos/{SOME_ID}/events", b"", {}, 405),
        ("GET /api/account", b"", {"Authorization": "Bearer \xff"}, 401),
        ("GET /api/account", b"", {"Authorization": "", "Cookie": NUL_SESSION}, 401),
        ("GET /api/account", b"", {"Host": "[::"}, 400),
    ],
)
def test_junk_gets_a_clear_refusal(site, line, content, headers, status):
    method, path = line.split()
    sent = {"Content-Type": "application/json", **headers}
    as_bytes = {name: value.encode("latin-1") for name, value in sent.items()}

    answer = site.visitor("user").request(method, path, content=content, headers=as_bytes)

    assert answer.status_code == status, answer.text
    assert isinstance(answer.json(), dict)
    assert answer.headers["X-Request-ID"]
