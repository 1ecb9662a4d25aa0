"""Tells where everything is, and when all of it answers."""

import asyncio
import http.client
from urllib.parse import urlsplit

from config.env import Env
from config.stack.parts import address

POLL_SECONDS = 0.1
ANSWER_SECONDS = 2.0


def table(env: Env) -> list[str]:
    """Return the lines of the table of URLs."""
    web = address(env, env.ports.web)
    rows = [("web pages", f"{web}/"), ("API", f"{web}/api/docs"), ("admin", f"{web}/admin/")]
    if env.services.mail_server is None:
        rows.append(("mailbox", f"{web}/mailbox (SMTP on 127.0.0.1:{env.ports.mail})"))
    rows += [
        ("Flower", f"{address(env, env.ports.flower)}/"),
        ("metrics", f"{address(env, env.ports.exporter)}/metrics"),
        ("data", str(env.data)),
    ]
    return ["", *(f"  {name:<10}{place}" for name, place in rows), ""]


async def until_it_answers(url: str) -> None:
    """Return when `url` is answered with a success."""
    while not await asyncio.to_thread(answers, url):
        await asyncio.sleep(POLL_SECONDS)


def answers(url: str) -> bool:
    """Return whether a GET of `url` is answered with a success now."""
    parts = urlsplit(url)
    # Not urllib: it would ask the proxy that the environment may name.
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status < http.client.BAD_REQUEST
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
