"""HTTP to addresses that users gave us: https only, and never into our own network.

The name is resolved once for each connection, its addresses are judged, and only those are connected to. A check
beforehand would ask the name server once and the connection again, and the second answer may differ (DNS
rebinding); it would also make the request that stores the address wait for a stranger's name server.
"""

import re
import socket
import unicodedata
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
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
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError

from accounts.outbound.public_addresses import is_public
from celery_ledger import Permanent, Transient

MAX_ANSWER_BYTES = 64 * 1024
MAX_WAIT_SECONDS = 24 * 60 * 60
"""Longest wait that a stranger may ask for: a job that waits for ever is neither done nor dead."""
MAX_ADDRESSES = 3
"""Addresses of one host that are tried in turn."""
_UNREADABLE = re.compile(r"[\x00-\x20\x7f\\]")
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
    if _UNREADABLE.search(url):
        # urlsplit and the connection's own parser take different hosts out of such an address.
        raise PrivateAddress(url)
    parts = urlsplit(url)
    if f"{parts.scheme}://{parts.netloc}" in private_origins:
        return
    host = _plain(parts.hostname or "")
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


def _plain(host: str) -> str:
    """Return the host as IDNA maps it: full-width digits and ideographic full stops are digits and full stops."""
    return re.sub("[\u3002\uff0e\uff61]", ".", unicodedata.normalize("NFKC", host)).rstrip(".").lower()


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
        """Connect to a public address of the host, by number: no second look-up can lead elsewhere."""
        host = self._dns_host
        addresses = _public_addresses(self, host, self.port)
        try:
            for address in addresses[:-1]:
                self._dns_host = address
                with suppress(NewConnectionError):
                    return super()._new_conn()
            self._dns_host = addresses[-1]
            return super()._new_conn()
        finally:
            # Certificate and server name are the host's.
            self._dns_host = host


def _public_addresses(connection: HTTPSConnection, host: str, port: int | None) -> list[str]:
    """Return the host's public addresses, a few. Raises PrivateAddress where it has others only."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        reason = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
        raise NameResolutionError(host, connection, reason) from error
    addresses = dict.fromkeys(str(address[0]) for *_, address in found)
    public = [address for address in addresses if is_public(address)]
    if not public:
        raise PrivateAddress(host)
    return public[:MAX_ADDRESSES]


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
