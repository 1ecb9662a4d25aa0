import socket
import threading
from contextlib import contextmanager, suppress

import pytest
import requests

from accounts import public_http
from jobs import judge
from jobs.errors import Permanent, Transient

INSIDE = """
127.0.0.1 10.1.2.3 192.168.0.1 172.16.0.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1
::1 fe80::1 fc00::1 ::ffff:127.0.0.1 2002:7f00:1:: fe80::1%eth0
"""


@pytest.mark.parametrize("address", INSIDE.split())
def test_an_address_that_is_not_of_the_public_internet_is_told_apart(address):
    assert not public_http.is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_a_public_address_is_public(address):
    assert public_http.is_public(address)


def test_a_name_that_leads_inside_gets_not_one_byte():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(2)

        with public_http.session() as session, pytest.raises(public_http.PrivateAddress):
            session.post(f"https://localhost:{listener.getsockname()[1]}/", timeout=2)

        connected, _ = listener.accept()
        with connected:
            connected.settimeout(2)
            assert connected.recv(1) == b""


def test_plain_http_has_no_way_out():
    with public_http.session() as session, pytest.raises(requests.exceptions.InvalidSchema):
        session.post("http://127.0.0.1:1/", timeout=1)


def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")

    with public_http.session() as session, pytest.raises(public_http.PrivateAddress):
        _post_to_a_listener(session)


@pytest.mark.parametrize("location", [b"/elsewhere", b"//[", b"/\xff\xfe"])
def test_a_redirect_is_an_answer_like_any_other_wherever_it_leads(location):
    with a_server_that_says(
        b"HTTP/1.1 307 Go\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"
    ) as origin:
        assert _answer_of(origin).status_code == 307


def test_of_an_answer_only_the_beginning_is_read_from_inside_as_well():
    size = 4 * public_http.MAX_ANSWER_BYTES
    with a_server_that_says(
        b"HTTP/1.1 201 Taken\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
    ) as origin:
        assert len(_answer_of(origin).content) == public_http.MAX_ANSWER_BYTES


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 100\r\n\r\nbroken off",
        b"Transfer-Encoding: chunked\r\n\r\nno length",
        b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nno gz",
    ],
)
@pytest.mark.parametrize("then", ["hang up", "hang"])
def test_a_status_is_taken_for_what_it_is_whatever_follows_it(rest, then):
    with a_server_that_says(b"HTTP/1.1 201 Taken\r\n" + rest, then) as origin:
        assert _answer_of(origin).status_code == 201


@pytest.mark.parametrize(
    ("url", "fate"),
    [
        ("http://127.0.0.1:1/secret", Transient),  # nobody listens
        ("http://127.0.0.2:1/secret", Permanent),  # no origin of ours
        ("http://[/secret", Permanent),
    ],
)
def test_what_goes_wrong_is_a_fate_that_tells_nothing_of_the_address(url, fate):
    session = public_http.session(("http://127.0.0.1:1",))

    with session, pytest.raises(fate) as failure, public_http.fates("push"):
        session.post(url, timeout=1)

    assert "push address" in str(failure.value)
    assert "secret" not in judge.describe(failure.value).traceback


def test_an_address_that_leads_inside_is_permanent():
    inside = pytest.raises(Permanent, match="not on the public internet")

    with public_http.session() as session, inside, public_http.fates("push"):
        _post_to_a_listener(session)


@pytest.mark.parametrize("asked", ["86401", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_stranger_may_ask_to_wait_a_day_at_most(asked):
    assert public_http.asked_seconds(asked) == public_http.MAX_WAIT_SECONDS


@pytest.mark.parametrize(
    "asked",
    [None, "", "soon", "-1", "Mon, 01 Jan 2024 00:00:00 +99999999999999999999", "1 Jan 99999 0:0:0 GMT"],
)
def test_who_names_no_wait_asks_for_none(asked):
    assert public_http.asked_seconds(asked) is None


def test_an_instant_that_has_passed_is_now():
    assert public_http.asked_seconds("Mon, 01 Jan 2024 00:00:00 GMT") == 0


@contextmanager
def a_server_that_says(words, then="hang up"):
    """Answer one request with just these bytes, and hang up, or not."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        over = threading.Event()

        def answer():
            connected, _ = listener.accept()
            with connected, suppress(ConnectionError):  # who reads only the beginning hangs up on the rest
                connected.recv(65_536)
                connected.sendall(words)
                over.wait(10 if then == "hang" else 0)

        server = threading.Thread(target=answer)
        server.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            server.join()


def _answer_of(origin):
    with public_http.session((origin,)) as session:
        return session.post(f"{origin}/", timeout=0.5)


def _post_to_a_listener(session):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        session.post(f"https://127.0.0.1:{listener.getsockname()[1]}/", timeout=2)
