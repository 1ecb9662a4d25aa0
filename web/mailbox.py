"""The folder of the embedded mailbox, read as messages. The server writes it (config/services/mailbox_server.py)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import default as default_policy
from email.utils import getaddresses
from functools import lru_cache
from pathlib import Path

from django.conf import settings

NAME = re.compile(r"\d{8}T\d{12}-[0-9a-f]{8}", re.ASCII)
REMEMBERED_SUMMARIES = 20_000


@dataclass(frozen=True, slots=True)
class Summary:
    """A message as a list shows it; `to` is every recipient, addresses only."""

    id: str
    to: str
    sender: str
    subject: str
    received_at: datetime
    message_id: str

    def mentions(self, words: str) -> bool:
        """Say whether `words` stand in address, sender or subject."""
        return words.casefold() in f"{self.to}\n{self.sender}\n{self.subject}".casefold()


@dataclass(frozen=True, slots=True)
class Message:
    """A message in full."""

    summary: Summary
    text: str
    html: str
    headers: list[tuple[str, str]]


def summaries(*, to: str = "", words: str = "", limit: int = 50) -> list[Summary]:
    """Return the newest messages first, those to the address `to` that mention `words`."""
    found: list[Summary] = []
    for name in _newest_first():
        if len(found) == limit:
            break
        summary = _summary(settings.MAILBOX_FOLDER, name)
        if summary and _is_to(summary, to) and summary.mentions(words):
            found.append(summary)
    return found


def count() -> int:
    """Return how many messages are kept."""
    return sum(1 for _ in _newest_first())


def message(name: str) -> Message | None:
    """Return one message, None where there is none of that name."""
    content = raw(name)
    summary = _summary(settings.MAILBOX_FOLDER, name) if content is not None else None
    if content is None or summary is None:
        return None
    parsed = message_from_bytes(content, policy=default_policy)
    headers = [(key, str(value)) for key, value in parsed.items()]
    return Message(summary, _part(parsed, "plain"), _part(parsed, "html"), headers)


def raw(name: str) -> bytes | None:
    """Return a message as it came, None where there is none of that name."""
    if not NAME.fullmatch(name):
        return None
    try:
        return _path(settings.MAILBOX_FOLDER, name).read_bytes()
    except FileNotFoundError:
        return None


def delete_all() -> int:
    """Delete every message and return how many. Twice: the second call finds those that came meanwhile."""
    names = list(_newest_first())
    for name in names:
        _path(settings.MAILBOX_FOLDER, name).unlink(missing_ok=True)
    return len(names)


def _newest_first() -> Iterator[str]:
    folder = Path(settings.MAILBOX_FOLDER)
    names = (path.stem for path in folder.glob("*.eml")) if folder.is_dir() else ()
    yield from sorted((name for name in names if NAME.fullmatch(name)), reverse=True)


# A message never changes: its headers are parsed once a process, however often a list is asked for.
@lru_cache(maxsize=REMEMBERED_SUMMARIES)
def _summary(folder: Path, name: str) -> Summary | None:
    try:
        with _path(folder, name).open("rb") as file:
            headers = BytesHeaderParser(policy=default_policy).parse(file)
    except FileNotFoundError:
        return None
    recipients = [str(value) for key in ("X-Envelope-To", "To", "Cc") for value in headers.get_all(key, [])]
    addresses = dict.fromkeys(address for _, address in getaddresses(recipients) if address)
    return Summary(
        id=name,
        to=", ".join(addresses),
        sender=str(headers.get("From", headers.get("X-Envelope-From", ""))),
        subject=str(headers.get("Subject", "")),
        received_at=datetime.strptime(name.partition("-")[0], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC),
        message_id=str(headers.get("Message-ID", "")).strip(),
    )


def _is_to(summary: Summary, address: str) -> bool:
    return not address or address.casefold() in summary.to.casefold().split(", ")


def _part(parsed: EmailMessage, kind: str) -> str:
    body = parsed.get_body((kind,))
    if body is None:
        return ""
    try:
        return str(body.get_content()).replace("\r\n", "\n")
    except LookupError:  # a character set that Python does not know
        return body.get_payload(decode=True).decode(errors="replace")  # type: ignore[union-attr]  # bytes, for it is no multipart


def _path(folder: Path, name: str) -> Path:
    return Path(folder) / f"{name}.eml"
