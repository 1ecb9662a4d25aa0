"""Who sits at this machine."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

# A proxy on this machine makes everybody's requests come from loopback, and says so in one of these.
PROXY_HEADERS = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")


def is_local(request: HttpRequest) -> bool:
    """Say whether who asks sits at this machine, or DEBUG opens what is only for them."""
    if settings.DEBUG:
        return True
    if any(header in request.headers for header in PROXY_HEADERS):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:  # a unix socket: a proxy sits before it
        return False


def has_mailbox(request: HttpRequest) -> bool:
    """Say whether the embedded mailbox may be shown.

    It holds everybody's mail, links that log in included, and asks for no password: so only while it is what mail goes
    to, and only to who could read its files as well.
    """
    return bool(settings.MAILBOX_EMBEDDED) and is_local(request)
