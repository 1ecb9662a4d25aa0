"""The embedded mailbox: an SMTP server that keeps every mail as a file instead of sending it on."""

import signal
import socket
import sys

from config.services.places import Places
from config.services.service import ServiceFailed

HOST = "127.0.0.1"  # Never wider: it takes mail from anybody who reaches it.


class Mailbox:
    """The server on MAIL_PORT with its mails in `mailbox/`."""

    name = "mailbox"
    stop_signal = signal.SIGTERM
    identity = None

    def __init__(self, places: Places, port: int) -> None:
        self.places = places
        self.port = port

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def prepare(self) -> None:
        self.places.mailbox.mkdir(exist_ok=True)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As the server itself does: connections of a former one that still linger are no hindrance.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, self.port))
            except OSError as error:
                raise ServiceFailed(
                    f"MAIL_PORT: {self.address} cannot be used ({error.strerror}); "
                    "set MAIL_PORT to a free port, or EMAIL_URL to a mail server"
                ) from error

    def command(self) -> list[str]:
        place = [
            "--folder",
            str(self.places.mailbox),
            "--host",
            HOST,
            "--port",
            str(self.port),
        ]
        return [sys.executable, "-m", "config.services.mailbox_server", *place]

    def answers(self, pid: int) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            try:
                client.connect((HOST, self.port))
                return client.recv(3) == b"220"
            except OSError:
                return False
