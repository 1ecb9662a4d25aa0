"""HTTP to addresses that users gave us: https only, and never into our own network.

The address is judged on the connection itself, after the name was resolved and before a byte is sent. A check
beforehand would ask the name server once and the connection again, and the second answer may differ (DNS
rebinding); it would also make the request that stores the address wait for a stranger's name server.
"""

import ipaddress
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
from django.utils import timezone
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from jobs.errors import Permanent, Transient

MAX_ANSWER_BYTES = 64 * 1024
MAX_WAIT_SECONDS = 24 * 60 * 60
"""Longest wait that a stranger may ask for: a job that waits for ever is neither done nor dead."""
INSIDE = (".localhost", ".local", ".internal", ".home.arpa")


class PrivateAddress(Exception):
    """The host is, or its name leads to, an address that is not of the public internet."""


def session(
    private_origins: Collection[str] = (), *, answer_bytes: int = MAX_ANSWER_BYTES
) -> requests.Session:
    """Return a session that reaches public https addresses, and the operator's `private_origins` as they are.

    It follows no redirect, and no proxy and no .netrc of the environment, and reads `answer_bytes` of an answer's
    body. Raises PrivateAddress, besides requests' own errors.
    """
    made = _Session()
    made.trust_env = False
    made.adapters.clear()
    made.mount("https://", PublicAdapter(answer_bytes))
    for origin in private_origins:
        made.mount(f"{origin}/", BoundedAdapter(answer_bytes))
    return made


@contextmanager
def fates(whose: str) -> Iterator[None]:
    """Turn what goes wrong on the way to an address into the fate of a job: raise Transient or Permanent.

    `from None`, for the libraries' own words hold the whole address, which may be a secret (a push endpoint is one,
    a webhook's often has a key in it), and the ledger keeps a traceback for weeks.
    """
    try:
        yield
    except PrivateAddress:
        raise Permanent(f"the {whose} address is not on the public internet") from None
    except (requests.ConnectionError, requests.Timeout) as error:
        raise Transient(f"the {whose} address is not reachable ({type(error).__name__})") from None
    except requests.RequestException as error:
        raise Permanent(f"the {whose} address cannot be used ({type(error).__name__})") from None


def refuse_private(url: str, private_origins: Collection[str] = ()) -> None:
    """Raise PrivateAddress where the URL's text alone shows that `session` will not go there."""
    parts = urlsplit(url)
    if f"{parts.scheme}://{parts.netloc}" in private_origins:
        return
    host = (parts.hostname or "").rstrip(".").lower()
    if parts.scheme != "https" or not host or parts.username is not None:
        raise PrivateAddress(url)
    if f".{host}".endswith(INSIDE):
        raise PrivateAddress(url)
    try:
        # What the connection would take for an address: also 127.1, 0x7f000001 and 2130706433.
        literal = host if ":" in host else socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return
    if not is_public(literal):
        raise PrivateAddress(url)


def is_public(address: str) -> bool:
    """Say whether an IP address is of the public internet. Source: IANA's special-purpose registries."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            return inner.is_global
    return ip.is_global and not ip.is_multicast


def asked_seconds(retry_after: str | None) -> float | None:
    """Return what Retry-After says, in either of its forms, at most a day; None where it says nothing.

    Source: RFC 9110, section 10.2.3.
    """
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return min(float(retry_after), MAX_WAIT_SECONDS)
    try:
        moment: datetime = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):  # no date, or one with an offset of more digits than a clock has
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, (aware - timezone.now()).total_seconds()), MAX_WAIT_SECONDS)


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return none: a redirect is an answer like any other.

        Left to requests, its Location would be read even where nothing is followed, and what a stranger writes
        there need not be text.
        """
        return None


class _PublicConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        peer = str(connected.getpeername()[0])
        if not is_public(peer):
            connected.close()
            raise PrivateAddress(peer)
        return connected


class _PublicPool(HTTPSConnectionPool):
    ConnectionCls = _PublicConnection


class BoundedAdapter(HTTPAdapter):
    """Reads the beginning of an answer's body, and of none where that is 0 bytes: not even to see whether it comes."""

    def __init__(self, answer_bytes: int) -> None:
        self.answer_bytes = answer_bytes
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send the request and keep the beginning of the answer."""
        kwargs["stream"] = True
        answer = super().send(request, *args, **kwargs)
        beginning = BytesIO(self._beginning_of(answer))
        answer.raw.close()
        answer.raw = beginning
        return answer

    def _beginning_of(self, answer: requests.Response) -> bytes:
        if not self.answer_bytes:
            return b""
        try:
            beginning: bytes = answer.raw.read(self.answer_bytes)
        except HTTPError:
            # Broken off, late or no HTTP: the status is here, and who answered 201 has taken what was sent.
            return b""
        return beginning


class PublicAdapter(BoundedAdapter):
    """Connects to public addresses only."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools judge each connection."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"https": _PublicPool}
