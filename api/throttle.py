"""Limits per client address, counted in the cache for all processes together."""

import ipaddress
import re
import time
from functools import cache
from typing import ClassVar

import limits
import structlog
from django.conf import settings
from django.http import HttpRequest
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from api.errors import TooMany

log = structlog.get_logger(__name__)

CACHE_TIMEOUT_SECONDS = 0.5
# Some proxies write the port as well, and each connection of a client has another one.
WITH_PORT = re.compile(r"^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]+)?$")


class AddressThrottle(BaseThrottle):
    """Lets so many requests of one address through as `settings.THROTTLES[scope]` says; "none" lifts it."""

    scope: ClassVar[str]

    def __init__(self) -> None:
        self._wait_seconds: float | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Say whether the request may pass, counting it."""
        self._wait_seconds = seconds_to_wait(self.scope, client_address(request))
        return self._wait_seconds is None

    def wait(self) -> float | None:
        """Return the seconds for the answer's `Retry-After`."""
        return self._wait_seconds


def guard(scope: str, request: HttpRequest) -> None:
    """Count a request of a page; raises TooMany over the limit. API and page share one count."""
    wait_seconds = seconds_to_wait(scope, client_address(request))
    if wait_seconds is not None:
        raise TooMany("Too many requests. Please wait a little.", retry_after=wait_seconds)


def seconds_to_wait(scope: str, address: str) -> float | None:
    """Count one request and return None, or return how long to wait where the limit is reached.

    A cache that is down lets everything pass: a limit is worth less than a sign-up.
    """
    rate = settings.THROTTLES.get(scope, "none")
    if rate == "none":
        return None
    limit = limits.parse(rate)
    try:
        limiter = _limiter(settings.CACHE_URL)
        if limiter.hit(limit, scope, address):
            return None
        return max(1.0, limiter.get_window_stats(limit, scope, address).reset_time - time.time())
    except StorageError as error:
        log.warning("throttle_skipped", scope=scope, error=type(error.storage_error).__name__)
        return None


def client_address(request: HttpRequest | Request) -> str:
    """Return what limits count by: the peer's address, for IPv6 its /64, which is one subscriber.

    X-Forwarded-For is read only where NUM_PROXIES says how many proxies of ours wrote to it: anyone may send it.
    """
    seen = request.META.get("REMOTE_ADDR", "") or ""
    proxies = api_settings.NUM_PROXIES
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR")
    if proxies and forwarded:
        hops = [hop.strip() for hop in forwarded.split(",")]
        seen = hops[-min(proxies, len(hops))]
    return _subscriber(WITH_PORT.sub(r"\1\2", seen))


def _subscriber(seen: str) -> str:
    try:
        address = ipaddress.ip_address(seen)
    except ValueError:  # a unix socket has no address
        return seen
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


@cache
def _limiter(cache_url: str) -> MovingWindowRateLimiter:
    url = cache_url.replace("unix://", "redis+unix://", 1) if cache_url.startswith("unix://") else cache_url
    timeouts = {"socket_timeout": CACHE_TIMEOUT_SECONDS, "socket_connect_timeout": CACHE_TIMEOUT_SECONDS}
    return MovingWindowRateLimiter(storage_from_string(url, wrap_exceptions=True, **timeouts))
