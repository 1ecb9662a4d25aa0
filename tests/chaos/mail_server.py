"""A mail server of its own process: `python -m tests.chaos.mail_server PORT FOLDER`.

Each message that it takes is a line in FOLDER/taken: its Message-ID, whom it is for, when it came; each that it refuses
one in FOLDER/refused: for whom, when. FOLDER/mode says how the server behaves: ok, tempfail (451), hang (no answer
after the data), lose (takes the message and hangs up before it says so).
"""

import asyncio
import sys
import time
from email import message_from_bytes
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session


class Steps:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def mode(self) -> str:
        path = self.folder / "mode"
        return path.read_text().strip() if path.exists() else "ok"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.mode == "tempfail":
            with (self.folder / "refused").open("a") as file:
                file.write(f"{address}\t{time.time()}\n")
            return "451 4.3.2 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        mode = self.mode
        if mode == "hang":
            await asyncio.sleep(3600)
        message = message_from_bytes(envelope.original_content or b"")
        with (self.folder / "taken").open("a") as file:
            file.write(f"{message['Message-ID']}\t{message['To']}\t{time.time()}\n")
        if mode == "lose":
            server.transport.abort()
        return "250 OK"


async def main() -> None:
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    steps = Steps(folder)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(steps, hostname="mail.test"), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
