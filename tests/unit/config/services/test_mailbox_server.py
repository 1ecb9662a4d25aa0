import signal
import smtplib
import socket
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest

from config.services.mailbox_server import LARGEST_MESSAGE_BYTES, main
from tests.eventually import eventually

LOCALHOST = "127.0.0.1"


def a_mail(text: str = "Hello.", to: str = "ada@example.org") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "off@stage.test", to, "Grüße"
    mail.set_content(text)
    return mail


class Running:
    """A mailbox in a process of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        with socket.socket() as listener:
            listener.bind((LOCALHOST, 0))
            self.port = listener.getsockname()[1]
        self.folder = folder
        command = [sys.executable, "-m", "config.services.mailbox_server"]
        place = ["--folder", str(folder), "--host", LOCALHOST, "--port", str(self.port)]
        self.process = subprocess.Popen([*command, *place, *options], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert "listening" in self.process.stdout.readline()

    def kept(self) -> list[Path]:
        return sorted(self.folder.glob("*.eml"))

    def connect(self) -> smtplib.SMTP:
        return smtplib.SMTP(LOCALHOST, self.port, timeout=10)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        status = self.process.wait(10)
        if self.process.stdout:
            self.process.stdout.close()
        return status


@pytest.fixture
def start(tmp_path):
    started = []

    def run(*options: str) -> Running:
        started.append(Running(tmp_path / "mailbox", *options))
        return started[-1]

    yield run
    for server in started:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)


def test_what_was_answered_with_250_is_whole_on_the_disk(start):
    server = start()

    with server.connect() as smtp:
        smtp.send_message(a_mail("One.\n.\nTwo."))
        (kept,) = server.kept()

    content = kept.read_bytes()
    assert b"One.\r\n.\r\nTwo." in content
    assert content.startswith(b"X-Envelope-From: off@stage.test\r\nX-Envelope-To: ada@example.org\r\n")


def test_who_got_a_blind_copy_is_kept(start):
    server = start()

    with server.connect() as smtp:
        smtp.send_message(a_mail(), to_addrs=["ada@example.org", "secret@example.org"])

    assert b"X-Envelope-To: ada@example.org, secret@example.org\r\n" in server.kept()[0].read_bytes()


def test_names_sort_in_the_order_of_arrival(start):
    server = start()

    with server.connect() as smtp:
        for number in range(5):
            smtp.send_message(a_mail(f"number {number}"))

    assert [path.read_text().strip()[-1] for path in server.kept()] == list("01234")


def test_only_so_many_are_kept_and_the_oldest_go_first(start):
    server = start("--keep", "3")

    with server.connect() as smtp:
        for number in range(5):
            smtp.send_message(a_mail(f"number {number}"))

    assert [path.read_text().strip()[-1] for path in server.kept()] == list("234")


def test_what_was_kept_before_counts_after_a_restart(start):
    first = start("--keep", "2")
    with first.connect() as smtp:
        smtp.send_message(a_mail("old"))
    first.stop()

    second = start("--keep", "1")
    with second.connect() as smtp:
        smtp.send_message(a_mail("new"))

    assert [path.read_text().strip()[-3:] for path in second.kept()] == ["new"]


def test_a_message_over_the_limit_is_refused_for_good(start):
    server = start()

    with server.connect() as smtp:
        smtp.ehlo()
        assert smtp.esmtp_features["size"] == str(LARGEST_MESSAGE_BYTES)
        code, _ = smtp.docmd(f"MAIL FROM:<off@stage.test> SIZE={LARGEST_MESSAGE_BYTES + 1}")

    assert code == 552
    assert server.kept() == []


def test_a_folder_that_takes_no_file_is_a_reason_to_try_again_later(start):
    server = start()
    server.folder.rmdir()
    server.folder.write_text("in the way")

    with server.connect() as smtp, pytest.raises(smtplib.SMTPDataError) as refused:
        smtp.send_message(a_mail())

    assert refused.value.smtp_code == 452


def test_half_a_message_is_never_seen_and_is_gone_after_a_restart(start):
    first = start()
    first.stop(signal.SIGKILL)
    draft = first.folder / ".20260101T120000000000-0000000a.eml.tmp"
    draft.write_bytes(b"Subject: ha")

    second = start()

    assert second.kept() == []
    assert not draft.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_even_while_somebody_is_connected(start, number):
    server = start()

    with server.connect():
        assert server.stop(number) == 0


def test_a_port_that_is_taken_is_said_in_one_line_that_names_the_variable(start, tmp_path, capsys):
    server = start()

    status = main(["--folder", str(tmp_path / "other"), "--port", str(server.port)])

    assert status == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"port {server.port} on 127.0.0.1 is taken" in line
    assert "MAIL_PORT" in line


def test_it_listens_to_this_machine_only(capsys):
    with pytest.raises(SystemExit):
        main(["--folder", "/tmp/never", "--host", "0.0.0.0", "--port", "1025"])  # noqa: S104, S108 (what is refused)

    assert "not a loopback address" in capsys.readouterr().err


def test_many_at_once_are_all_kept(start):
    server = start()
    connections = [server.connect() for _ in range(20)]

    for number, smtp in enumerate(connections):
        smtp.send_message(a_mail(f"number {number}"))
        smtp.quit()

    assert eventually(lambda: len(server.kept()) == 20)
