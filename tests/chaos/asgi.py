"""The web process with one more instant: the work is committed, the answer has not left."""

from typing import Any

from celery_ledger import faultpoints
from config.asgi import application as offstage


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    async def send_or_die(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start" and scope.get("method") == "POST":
            faultpoints.reach("web.answering")
        await send(message)

    await offstage(scope, receive, send_or_die)
