"""Under which names a server of ours is asked: another name in Host may be a stranger's that leads here.

A page elsewhere can have its own name resolved to 127.0.0.1 (DNS rebinding), and its scripts may then read what answers
there. Addresses in numbers need no name server and are safe.
"""

import ipaddress
from collections.abc import Iterable
from typing import Final

from django.http.request import split_domain_port, validate_host

OURS: Final = ("localhost", "127.0.0.1", "[::1]")


def is_allowed(host: str, allowed: Iterable[str]) -> bool:
    """Say whether a Host header names this machine by number, as localhost, or by one of the names `allowed`."""
    domain, _port = split_domain_port(host)
    if not domain:
        return False
    try:
        ipaddress.ip_address(domain.strip("[]"))
    except ValueError:
        return validate_host(domain, [*OURS, *allowed])
    return True
