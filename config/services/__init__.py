"""The embedded services: PostgreSQL, Valkey and a mailbox, each only where its URL is not given.

Every service has a keeper, a small process in a session of its own that starts it, starts it again when it crashes, and
stops it when nobody uses the data folder any more. Using it means holding a shared lock on `run/users.lock` for one's
life: the kernel frees it however a process ends, so nothing has to be unregistered.
"""

from config.services.front import ServiceUrls, ensure, leave, start, states, stop, urls
from config.services.service import ServiceFailed

__all__ = [
    "ServiceFailed",
    "ServiceUrls",
    "ensure",
    "leave",
    "start",
    "states",
    "stop",
    "urls",
]
