"""Alive, and ready: two questions that a supervisor must not mix up.

/healthz touches nothing outside the process, for a database that blinks is no reason to kill a web server.
/readyz asks every dependency. A load balancer asks for what a sign-up needs, `/readyz?only=database,storage`: broker
and mail server may be down while the site does its work.
"""

import asyncio
import uuid
from collections.abc import Callable

from celery import current_app
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.mail import get_connection
from django.db import connection
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from api.methods import only
from media_pipeline.engine import sandbox

LIMIT_SECONDS = 1.0

# A check's socket gives up later than those who ask. With one limit for both, either could come first, and what hangs
# was called by the library's word for it: smtplib says "disconnected".
SOCKET_SECONDS = 2 * LIMIT_SECONDS


@only("GET", "HEAD")
async def healthz(request: HttpRequest) -> HttpResponseBase:
    """Answer 200 for as long as the process can answer at all."""
    return JsonResponse({"status": "ok"})


@only("GET", "HEAD")
async def readyz(request: HttpRequest) -> HttpResponseBase:
    """Answer 200 where every dependency does, 503 otherwise: `{name: "ok" or the reason}`.

    `?only=a,b` asks only those. `sandbox` is there only where this machine's kernel cannot confine the programs that
    read uploads; it does not make the site unready. A reason is the kind of error, never its text, which may hold a
    URL with a password.
    """
    only = request.GET.get("only")
    names = [name for name in CHECKS if only is None or name in only.split(",")]
    found = await asyncio.gather(*(ask(name) for name in names))
    states = dict(zip(names, found, strict=True))
    ready = bool(states) and all(state == "ok" for state in states.values())
    if only is None:
        states |= weaknesses(sandbox.missing())
    return JsonResponse(states, status=200 if ready else 503, headers={"Cache-Control": "no-store"})


def weaknesses(missing: list[str]) -> dict[str, str]:
    """Return the line that names what the kernel lacks, nothing where it lacks nothing."""
    return {"sandbox": f"kernel lacks {', '.join(missing)}"} if missing else {}


def check_database() -> None:
    """Return where the database answers a query, raise where it does not."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    finally:
        connection.close()


def check_cache() -> None:
    """Return where the cache answers, raise where it does not."""
    cache.get("readyz")


def check_broker() -> None:
    """Return where the broker takes a connection, raise where it does not."""
    with current_app.connection_for_write(connect_timeout=SOCKET_SECONDS) as broker:
        # By the transport: connect() of kombu waits two seconds and tries once more, other ways try for ever.
        broker.transport.close_connection(broker.transport.establish_connection())


def check_mail() -> None:
    """Return where the mail server greets and takes our login, raise where it does not."""
    server = get_connection(timeout=SOCKET_SECONDS)
    server.open()
    server.close()


def check_storage() -> None:
    """Return where a file can be stored, raise where it cannot."""
    name = default_storage.save(f".readyz/{uuid.uuid4().hex}", ContentFile(b"ready"))
    default_storage.delete(name)


CHECKS: dict[str, Callable[[], None]] = {
    "database": check_database,
    "cache": check_cache,
    "broker": check_broker,
    "mail": check_mail,
    "storage": check_storage,
}

# One running check per event loop and dependency, shared by all who ask meanwhile: a dependency that hangs holds one
# thread, however often a supervisor asks.
_running: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Future[None]] = {}


async def ask(name: str) -> str:
    """Return "ok", or why the dependency is not; after a second at the latest."""
    key = (asyncio.get_running_loop(), name)
    check = _running.get(key)
    if check is None:
        check = _running[key] = asyncio.ensure_future(asyncio.to_thread(CHECKS[name]))
        check.add_done_callback(lambda _: _running.pop(key, None))
    done, _ = await asyncio.wait([check], timeout=LIMIT_SECONDS)
    if not done:
        return f"no answer within {LIMIT_SECONDS:g} s"
    error = check.exception()
    return "ok" if error is None else type(error).__name__
