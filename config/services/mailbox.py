"""The embedded mailbox: an SMTP server that keeps every mail as a file instead of sending it on."""

import signal
import socket
import sys

from config.services.places import MAIL_HOST, Places
from config.services.service import ServiceFailed


class Mailbox:
    """The server on MAIL_PORT with its mails in `mailbox/`."""

    name = "mailbox"
    stop_signal = signal.SIGTERM
    identity = None

    def __init__(self, places: Places, port: int) -> None:
        self.places = places
        self.port = port
        self.address = places.address(self.name, port)

    def prepare(self) -> None:
        """See that the port is free. Raises ServiceFailed, naming MAIL_PORT."""
        self.places.mailbox.mkdir(exist_ok=True)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As the server itself does: connections of a former one that still linger are no hindrance.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((MAIL_HOST, self.port))
            except OSError as error:
                raise ServiceFailed(
                    f"MAIL_PORT: {self.address} cannot be used ({error.strerror}); "
                    "set MAIL_PORT to a free port, or EMAIL_URL to a mail server"
                ) from error

    def command(self) -> list[str]:
        """Return the command line of the server."""
        place = [
            "--folder",
            str(self.places.mailbox),
            "--host",
            MAIL_HOST,
            "--port",
            str(self.port),
        ]
        return [sys.executable, "-m", "config.services.mailbox_server", *place]

    def answers(self, pid: int) -> bool:
        """Return whether the port greets."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            try:
                client.connect((MAIL_HOST, self.port))
                return client.recv(3) == b"220"
            except OSError:
                return False
