"""The embedded mailbox: an SMTP server on loopback that keeps what it takes as files, and sends nothing on.

A message is whole on the disk before 250 is answered, so that what a sender was told is true after a power cut.
Runs by itself: `python -m config.services.mailbox_server --folder F --host H --port P`.
"""

import argparse
import asyncio
import errno
import ipaddress
import os
import secrets
import signal
import sys
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

LARGEST_MESSAGE_BYTES = 32 * 1024 * 1024
KEPT_MESSAGES = 10_000
STOP_SECONDS = 3


class Mailbox:
    """Stores messages in `folder` and forgets the oldest over `kept_messages`."""

    def __init__(self, folder: Path, kept_messages: int = KEPT_MESSAGES) -> None:
        self._folder = folder
        self._kept_messages = kept_messages
        folder.mkdir(parents=True, exist_ok=True)
        for draft in folder.glob(".*.tmp"):  # of a process that was killed: never acknowledged
            draft.unlink(missing_ok=True)
        self._names = deque(sorted(path.name for path in folder.glob("*.eml")))
        self.storing = 0

    async def handle_DATA(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Answer 250 once the message is on the disk, 452 where the disk does not take it."""
        self.storing += 1
        try:
            name = await asyncio.to_thread(store, self._folder, envelope)
        except OSError as error:
            print(f"mailbox: not stored: {error.strerror}", file=sys.stderr, flush=True)  # noqa: T201 (no logging here)
            return "452 Requested action not taken: insufficient system storage"
        finally:
            self.storing -= 1
        self._names.append(name)
        while len(self._names) > self._kept_messages:
            (self._folder / self._names.popleft()).unlink(missing_ok=True)
        return f"250 OK kept as {name}"


def store(folder: Path, envelope: Envelope) -> str:
    """Write the message under a new name and return the name; it appears whole or not at all."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}.eml"
    draft = folder / f".{name}.tmp"
    content = envelope.content or b""
    with draft.open("wb") as file:
        file.write(_envelope_lines(envelope))
        file.write(content if isinstance(content, bytes) else content.encode())
        file.flush()
        os.fsync(file.fileno())
    draft.rename(folder / name)
    _sync_folder(folder)
    return name


async def serve(mailbox: Mailbox, host: str, port: int) -> None:
    """Take mail until SIGTERM or SIGINT, then store what is whole. Raises OSError where it cannot listen."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(lambda: _session(mailbox), host, port)
    print(f"mailbox: listening on {host}:{port}", flush=True)  # noqa: T201 (what a supervisor's log shows)
    await stop.wait()
    server.close()
    deadline = loop.time() + STOP_SECONDS
    while mailbox.storing and loop.time() < deadline:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0)  # the 250 of what was stored last leaves before the loop does


def main(arguments: list[str] | None = None) -> int:
    """Run the mailbox and return the exit status: 1 with one line on stderr where it cannot listen."""
    options = _options(arguments)
    try:
        asyncio.run(serve(Mailbox(options.folder, options.keep), options.host, options.port))
    except OSError as error:
        print(f"mailbox: {_why(error, options)}", file=sys.stderr)  # noqa: T201 (no logging here)
        return 1
    return 0


def _session(mailbox: Mailbox) -> SMTP:
    return SMTP(
        mailbox,
        data_size_limit=LARGEST_MESSAGE_BYTES,
        enable_SMTPUTF8=True,
        hostname="offstage",
        ident="Offstage mailbox",
    )


def _envelope_lines(envelope: Envelope) -> bytes:
    # A blind copy is in the envelope only, and the page searches by who got the message.
    recipients = ", ".join(envelope.rcpt_tos)
    return f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {recipients}\r\n".encode(
        errors="surrogateescape"
    )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m config.services.mailbox_server", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the messages are kept")
    parser.add_argument("--host", type=_loopback, default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--keep", type=int, default=KEPT_MESSAGES, help="messages kept; the oldest go first")
    return parser.parse_args(arguments)


def _loopback(text: str) -> str:
    # It asks nobody for a password and shows what it gets: not for a network.
    if not ipaddress.ip_address(text).is_loopback:
        raise argparse.ArgumentTypeError(f"{text} is not a loopback address")
    return text


def _why(error: OSError, options: argparse.Namespace) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {options.port} on {options.host} is taken; MAIL_PORT names another one"
    if error.errno == errno.EACCES:
        return f"port {options.port} on {options.host} may not be opened; MAIL_PORT names another one"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
