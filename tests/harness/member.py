"""Somebody who uses the HTTP API from outside, and reads the mail that comes."""

import email
import re
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import httpx

from tests.eventually import eventually

PASSWORD = "correct horse battery staple"


class Member(httpx.Client):
    """An HTTP client of the API (paths as in `/api/videos`) with a mailbox; logs in once asked to."""

    def __init__(self, url: str, mailbox: Path) -> None:
        super().__init__(base_url=url, timeout=30, trust_env=False)
        self.mailbox = mailbox

    def is_answered(self) -> bool:
        try:
            return self.get("/healthz").is_success
        except httpx.TransportError:
            return False

    def sign_up(self, address: str, **fields: str) -> httpx.Response:
        """Sign `address` up; the answer is 201 or the test fails."""
        return self._succeed("/api/signup", {"email": address, "password": PASSWORD, **fields})

    def mails_to(self, address: str) -> list[EmailMessage]:
        """Return the mails in the mailbox for `address`, oldest first."""
        mails = [read_mail(path) for path in sorted(self.mailbox.glob("*.eml"))]
        return [mail for mail in mails if address.lower() in str(mail["To"]).lower()]

    def token_mailed_to(self, address: str, within_seconds: float = 20) -> str:
        """Return the token of the last link that was mailed to `address`, once there is one."""
        return eventually(lambda: next(map(token_in, reversed(self.mails_to(address))), ""), within_seconds)

    def verify(self, address: str) -> None:
        """Wait for the verification mail and follow its link."""
        self._succeed("/api/verify-email", {"token": self.token_mailed_to(address)})

    def log_in(self, address: str) -> None:
        """Log in; what is asked from now on is asked as this user."""
        token = self._succeed("/api/login", {"email": address, "password": PASSWORD}).json()["token"]
        self.headers["Authorization"] = f"Bearer {token}"

    def join(self, address: str) -> None:
        """Sign up, verify, log in."""
        self.sign_up(address)
        self.verify(address)
        self.log_in(address)

    def _succeed(self, path: str, body: dict[str, str]) -> httpx.Response:
        answer = self.post(path, json=body)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        return answer


def read_mail(path: Path) -> EmailMessage:
    with path.open("rb") as file:
        return email.message_from_binary_file(file, policy=default)


def token_in(mail: EmailMessage) -> str:
    """Return the token of the line that is only a link."""
    text = mail.get_body(("plain",)).get_content()
    found = re.search(r"^\S+\?token=(\S+)$", text, re.MULTILINE)
    assert found, text
    return found[1]
