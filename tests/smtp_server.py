"""A real SMTP server on this machine that misbehaves on request."""

import asyncio
import socket
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import Enum
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

OK = "250 OK"


class Fault(Enum):
    """What no reply can say."""

    HANG = "say nothing more"
    DROP = "cut the connection"


class MailServer(Controller):
    """Takes mail on a free port of 127.0.0.1.

    Each step (greeting, mail, rcpt, data, quits) may be given another reply, or a Fault.

    `messages` holds what was taken, even where the client was not told so (a fault at `data`).
    """

    def __init__(self, *, refuse_logins: bool = False, **replies: str | Fault) -> None:
        usual: dict[str, str | Fault | None] = {
            "greeting": None,
            "mail": OK,
            "rcpt": OK,
            "data": OK,
            "quits": None,
        }
        unknown = replies.keys() - usual.keys()
        assert not unknown, f"no such step: {unknown}"
        self.replies = {**usual, **replies}
        self.refuse_logins = refuse_logins
        self.messages: list[EmailMessage] = []
        self.transports: list[asyncio.Transport] = []
        super().__init__(_Steps(self), hostname="127.0.0.1", port=0, ready_timeout=5)

    def factory(self) -> SMTP:
        logins: dict[str, Any] = (
            {"authenticator": _refuse, "auth_require_tls": False} if self.refuse_logins else {}
        )
        return _Talk(self, self.handler, hostname="mail.test", **logins)

    @property
    def address(self) -> tuple[str, int]:
        assert isinstance(self.server, asyncio.Server)
        host, port = self.server.sockets[0].getsockname()[:2]
        return host, port

    def stop(self, no_assert: bool = False) -> None:
        """Hang up on every client, then end: a connection that outlives its loop is a warning."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self.loop).result(5)
        super().stop(no_assert)

    async def _hang_up(self) -> None:
        for transport in self.transports:
            transport.abort()
        own = asyncio.current_task()
        talks = [task for task in asyncio.all_tasks() if task is not own]
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)

    def _trigger_server(self) -> None:
        """Connect without waiting to be greeted, as the controller's own probe would."""
        socket.create_connection(self.address).close()


class _Talk(SMTP):
    def __init__(self, owner: MailServer, *args: Any, **kwargs: Any) -> None:
        self.owner = owner
        self.has_greeted = False
        super().__init__(*args, **kwargs)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.owner.transports.append(transport)
        super().connection_made(transport)

    async def push(self, status: Any) -> None:
        if self.has_greeted:
            await super().push(status)
            return
        self.has_greeted = True
        await super().push(await self.reply("greeting") or status)

    async def reply(self, step: str) -> str | None:
        wanted = self.owner.replies[step]
        if wanted is Fault.HANG:
            await asyncio.sleep(3600)
        if wanted is Fault.DROP:
            self.owner.transports[-1].abort()
            raise ConnectionResetError
        assert wanted is None or isinstance(wanted, str)
        return wanted


class _Steps:
    def __init__(self, owner: MailServer) -> None:
        self.owner = owner

    async def handle_MAIL(  # noqa: N802
        self, server: _Talk, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str | None:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return await server.reply("mail")

    async def handle_RCPT(  # noqa: N802
        self, server: _Talk, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str | None:
        reply = await server.reply("rcpt")
        if reply == OK:
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: _Talk, session: Session, envelope: Envelope) -> str | None:  # noqa: N802
        parsed = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.owner.messages.append(parsed)
        return await server.reply("data")

    async def handle_QUIT(self, server: _Talk, session: Session, envelope: Envelope) -> str:  # noqa: N802
        return await server.reply("quits") or "221 Bye"


def _refuse(server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: Any) -> AuthResult:
    return AuthResult(success=False, handled=False)
