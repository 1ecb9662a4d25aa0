"""Accounts through real processes: web, worker, relay, and a mail server that misbehaves on request."""

import json
import os
import signal
import subprocess
from base64 import urlsafe_b64encode
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.eventually import eventually
from tests.harness.house import House
from tests.smtp_server import Fault, MailServer
from tests.unit.accounts.conftest import text_of, token_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

PASSWORD = "correct horse battery staple"

JOBS_OF = """
import json
from celery_ledger.models import Job
rows = Job.objects.filter(name__startswith="{name}").order_by("seq").values("name", "state", "attempts", "error")
print("ROWS", json.dumps(list(rows)))
"""


class Town:
    """A house with a web process and a worker, whose mail goes to a server of the test's."""

    def __init__(self, folder: Path) -> None:
        self.mail = MailServer()
        self.mail.start()
        self.clients: list[httpx.Client] = []
        host, port = self.mail.address
        self.house = House(
            folder,
            EMAIL_URL=f"smtp://{host}:{port}",
            PUBLIC_URL="https://offstage.test",
            SIGNUP_THROTTLE="none",
            JOB_RETRY_BASE_SECONDS="0.3",
            JOB_LEASE_SECONDS="3",
            LOG_FORMAT="json",
        )
        self.log = folder / "worker.log"
        migrated = self.house.run("manage.py", "migrate", "--verbosity", "0", timeout=120)
        assert migrated.returncode == 0, migrated.stderr
        port_of_web = self.house.variables["WEB_PORT"]
        with (folder / "web.log").open("wb") as log:
            self.house.start("-m", "config.web_server", stdout=log, stderr=subprocess.STDOUT)
        self.worker = self.start_worker()
        self.api = httpx.Client(base_url=f"http://127.0.0.1:{port_of_web}/api", timeout=30)
        eventually(self._answers, within_seconds=30)

    def start_worker(self) -> subprocess.Popen[bytes]:
        command = ("-m", "celery", "-A", "config", "worker", "--concurrency", "2", "--loglevel", "INFO")
        with self.log.open("ab") as log:
            return self.house.start(*command, stdout=log, stderr=subprocess.STDOUT)

    def kill_worker(self) -> None:
        """End the worker, its pool and its relay at one instant."""
        os.killpg(self.worker.pid, signal.SIGKILL)
        self.worker.wait()

    def sign_up(self, email: str) -> None:
        answer = self.api.post("/signup", json={"email": email, "password": PASSWORD, "name": "Ada"})
        assert answer.status_code == 201, answer.text

    def mails_to(self, email: str) -> list:
        return [message for message in list(self.mail.messages) if message["To"] == email]

    def both_mails_to(self, email: str) -> list:
        """Wait for the second mail and return the two."""
        eventually(lambda: len(self.mails_to(email)) > 1, within_seconds=60)
        first, second = self.mails_to(email)
        return [first, second]

    def deletion(self, status_url: str) -> dict:
        """Wait for the end of a deletion and return it."""
        eventually(lambda: self.api.get(status_url).json()["state"] == "done", within_seconds=60)
        return self.api.get(status_url).json()

    def jobs(self, name: str) -> list[dict]:
        asked = self.house.run("manage.py", "shell", "-c", JOBS_OF.format(name=name))
        rows = asked.stdout.rpartition("ROWS ")[2]
        assert rows, asked.stderr
        return json.loads(rows)

    def member(self, email: str) -> httpx.Client:
        """Sign up, verify and log in."""
        self.sign_up(email)
        (message,) = eventually(lambda: self.mails_to(email), within_seconds=30)
        assert self.api.post("/verify-email", json={"token": token_in(message)}).status_code == 200
        login = self.api.post("/login", json={"email": email, "password": PASSWORD})
        assert login.status_code == 200, login.text
        bearer = {"Authorization": f"Bearer {login.json()['token']}"}
        self.clients.append(httpx.Client(base_url=self.api.base_url, headers=bearer, timeout=30))
        return self.clients[-1]

    def close(self) -> None:
        # What pytest shows where a test has failed.
        print(self.log.read_text()[-6000:])  # noqa: T201
        for client in (self.api, *self.clients):
            client.close()
        self.mail.stop()
        for process in self.house.processes():
            process.kill()
        self.house.close()

    def _answers(self) -> bool:
        try:
            return self.api.get("/push-key").status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    founded = Town(tmp_path_factory.mktemp("town"))
    yield founded
    founded.close()


@pytest.fixture(autouse=True)
def a_sound_mail_server(town):
    town.mail.replies.update(mail="250 OK", rcpt="250 OK", data="250 OK")


def test_from_sign_up_to_login_by_the_mailed_link(town):
    client = town.member("ada@example.org")

    assert client.get("/account").json()["email"] == "ada@example.org"
    assert [job["state"] for job in town.jobs("accounts.send_verification")] == ["succeeded"]


def test_the_owner_of_a_taken_address_is_mailed_instead(town):
    town.member("owner@example.org")

    town.sign_up("Owner@Example.org")

    mails = town.both_mails_to("owner@example.org")
    assert "tried to sign up" in text_of(mails[1])


def test_a_mail_that_the_server_will_not_take_yet_goes_out_when_it_does(town):
    town.mail.replies["rcpt"] = "451 4.7.1 greylisted"
    town.sign_up("patient@example.org")
    eventually(lambda: "451 4.7.1" in town.log.read_text(), within_seconds=30)
    assert town.mails_to("patient@example.org") == []

    town.mail.replies["rcpt"] = "250 OK"

    assert eventually(lambda: town.mails_to("patient@example.org"), within_seconds=30)


def test_a_refused_recipient_is_dead_after_one_attempt_with_its_reason(town):
    town.mail.replies["rcpt"] = "550 5.1.1 no such user"

    town.api.post("/password-reset", json={"email": "ada@example.org"})

    def dead():
        return [job for job in town.jobs("accounts.send_reset") if job["state"] == "dead"]

    (job,) = eventually(dead, within_seconds=30)
    assert job["attempts"] == 1
    assert "550 5.1.1" in job["error"]
    assert "ada@example.org" not in job["error"]


def test_a_worker_killed_after_the_mail_was_taken_sends_a_second_copy_under_the_same_id(town):
    town.mail.replies["data"] = Fault.HANG
    town.sign_up("twice@example.org")
    eventually(lambda: town.mails_to("twice@example.org"), within_seconds=30)
    town.kill_worker()
    town.mail.replies["data"] = "250 OK"

    town.worker = town.start_worker()

    copies = town.both_mails_to("twice@example.org")
    assert copies[0]["Message-ID"] == copies[1]["Message-ID"]
    assert town.api.post("/verify-email", json={"token": token_in(copies[0])}).status_code == 200


def test_an_export_is_written_off_stage_and_downloaded(town):
    client = town.member("export@example.org")
    client.post("/projects", json={"name": "Films"})

    begun = client.post("/account/export").json()

    url = eventually(lambda: client.get(begun["status_url"]).json()["url"], within_seconds=30)
    with ZipFile(BytesIO(client.get(url).content)) as archive:
        assert json.loads(archive.read("profile.json"))["email"] == "export@example.org"
        assert json.loads(archive.read("projects.json"))[0]["name"] == "Films"
        assert "videos.json" in archive.namelist()


def test_leaving_takes_all_four_steps_and_then_the_user(town):
    client = town.member("leaver@example.org")
    for name in ("one", "two"):
        client.post("/projects", json={"name": name})

    begun = client.request("DELETE", "/account", json={"password": PASSWORD})

    assert begun.status_code == 202
    assert client.get("/account").status_code == 401
    done = town.deletion(begun.json()["status_url"])
    assert {step["name"]: step["state"] for step in done["steps"]} == dict.fromkeys(
        ("projects", "files", "assets", "user_data"), "done"
    )
    assert {step["name"]: step["deleted"] for step in done["steps"]}["projects"] == 2
    login = town.api.post("/login", json={"email": "leaver@example.org", "password": PASSWORD})
    assert login.status_code == 400


def test_a_worker_killed_in_the_middle_of_leaving_changes_nothing_about_its_end(town):
    client = town.member("hasty@example.org")
    for number in range(5):
        client.post("/projects", json={"name": str(number)})
    begun = client.request("DELETE", "/account", json={"password": PASSWORD}).json()

    town.kill_worker()
    town.worker = town.start_worker()

    done = town.deletion(begun["status_url"])
    assert {step["name"]: step["deleted"] for step in done["steps"]}["projects"] == 5


def test_no_log_line_holds_a_secret_of_a_whole_session(town):
    address, next_password = "secretive@example.org", "a fresh horse battery"
    client = town.member(address)
    (verification,) = town.mails_to(address)
    site = httpx.Client(base_url=str(town.api.base_url).removesuffix("api/"), timeout=30)
    assert town.api.post("/password-reset", json={"email": address}).status_code == 202
    reset = token_in(town.both_mails_to(address)[1])
    for page in ("/verify-email", "/reset-password"):
        assert site.get(page, params={"token": reset}).status_code == 302
        assert site.get(page, params={"token": reset}, follow_redirects=True).is_success
    confirmed = town.api.post("/password-reset/confirm", json={"token": reset, "password": next_password})
    assert confirmed.status_code == 200, confirmed.text
    login = town.api.post("/login", json={"email": address, "password": next_password}).json()["token"]
    client.headers["Authorization"] = f"Bearer {login}"
    hook = client.post(
        "/webhooks", json={"url": "https://example.com/hook-h1dden", "events": ["video.ready"]}
    )
    keys = {"p256dh": a_public_key(), "auth": "c2VjcmV0LWF1dGgtMTIzNA"}
    endpoint = "https://push.example.com/send/h1dden-endpoint"
    push = client.post("/push-subscriptions", json={"endpoint": endpoint, "keys": keys})
    upload = client.post("/videos", files={"file": ("h1dden.mp4", b"\x00\x00\x00\x18ftypisomh1dden")})
    export = client.post("/account/export").json()
    archive = eventually(lambda: client.get(export["status_url"]).json().get("url"), within_seconds=60)
    assert client.get(archive).is_success
    deletion = client.request("DELETE", "/account", json={"password": next_password}).json()
    town.deletion(deletion["status_url"])
    assert site.get(f"/account/deletions/{deletion['id']}").is_success

    assert (hook.status_code, push.status_code, upload.status_code) == (201, 201, 202), (
        push.text,
        upload.text,
    )
    secrets = [
        PASSWORD, next_password, reset, token_in(verification), login, hook.json()["secret"], endpoint,
        *keys.values(), deletion["id"], "h1dden",
    ]  # fmt: skip
    logs = {path.name: path.read_text() for path in (town.log, town.log.with_name("web.log"))}
    assert '"path": "/reset-password"' in logs["web.log"]
    assert {secret: name for secret in secrets for name, text in logs.items() if secret in text} == {}
    site.close()


def a_public_key() -> str:
    key = generate_private_key(SECP256R1()).public_key()
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return urlsafe_b64encode(point).rstrip(b"=").decode()
