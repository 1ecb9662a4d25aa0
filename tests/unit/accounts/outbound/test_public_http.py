import socket
import threading
from contextlib import contextmanager, suppress

import pytest
import requests
import urllib3

from accounts.outbound import public_http
from celery_ledger.errors import Permanent, Transient
from celery_ledger.settling import judge


def test_a_name_that_leads_inside_is_not_connected_to():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.2)

        with public_http.session() as session, pytest.raises(public_http.PrivateAddress):
            session.post(f"https://localhost:{listener.getsockname()[1]}/", timeout=2)

        with pytest.raises(TimeoutError):
            listener.accept()


ODD = [
    "https://0x7f.1/", "https://127.1/", "https://2130706433/", "https://017700000001/", "https://127.0.0.1./",
    "https://[::ffff:7f00:1]/", "https://[::1]/", "https://[64:ff9b::7f00:1]/", "https://[fe80::1%25eth0]/",
    "https://\u2460\u2461\u2466.0.0.1/", "https://127\u30020\u30020\u30021/", "https://localhost./",
    "https://user@example.org/", "https://user:pw@example.org/", "https://a.internal/", "http://example.org/",
    "https://127.0.0.1\\@example.org/", "https://127.0.0.1\t.example.org/", "https:///",
]  # fmt: skip


@pytest.mark.parametrize("url", ODD)
def test_an_odd_spelling_of_an_inner_address_is_refused_by_its_text(url):
    with pytest.raises(public_http.PrivateAddress):
        public_http.refuse_private(url)


@pytest.mark.parametrize(
    "url", ["https://0x7f.1:{port}/", "https://127.1:{port}/", "https://[::ffff:7f00:1]:{port}/"]
)
def test_an_odd_spelling_is_not_connected_to_either(url):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.2)

        with public_http.session() as session, pytest.raises(public_http.PrivateAddress):
            session.post(url.format(port=listener.getsockname()[1]), timeout=2)

        with pytest.raises(TimeoutError):
            listener.accept()


def test_a_name_is_resolved_once_and_connected_to_by_the_address_that_was_judged(monkeypatch):
    asked, connected = [], []

    def resolve(host, port, *_, **__):
        asked.append(host)
        places = ["10.0.0.1", "93.184.216.34", "127.0.0.1"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port)) for place in places]

    def connect(address, *_, **__):
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(urllib3.util.connection, "create_connection", connect)

    with public_http.session() as session, pytest.raises(requests.ConnectionError):
        session.post("https://rebound.example/", timeout=1)

    assert (asked, connected) == (["rebound.example"], [("93.184.216.34", 443)])


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
