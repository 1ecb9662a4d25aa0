import socket

import pytest
import requests

from accounts import public_http

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


def _post_to_a_listener(session):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        session.post(f"https://127.0.0.1:{listener.getsockname()[1]}/", timeout=2)
