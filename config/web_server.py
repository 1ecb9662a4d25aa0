"""The web process: `python -m config.web_server` serves `config.asgi:application` with uvicorn.

One program for `make run`, the image and the tests, so that none of them can forget an option: with uvicorn's defaults
a client behind the loopback address would choose its own address and scheme by X-Forwarded-For and -Proto.
"""

import argparse
from typing import Any

import uvicorn

from config import web_metrics
from config.env import Env, load
from config.http_protocol import bounded_protocol

APPLICATION = "config.asgi:application"
# Open requests at a stop: a player's or an event stream's connection would delay it without end.
STOP_SECONDS = 3
KEEP_ALIVE_SECONDS = 5


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m config.web_server", description="The web process.")
    parser.add_argument("--host", default=load().bind_address)
    parser.add_argument("--port", type=int, default=load().ports.web)
    parser.add_argument("--application", default=APPLICATION, help="another ASGI application, for tests")
    arguments = parser.parse_args()
    web_metrics.keep(load().data)
    uvicorn.run(arguments.application, host=arguments.host, port=arguments.port, **options(load()))


def options(env: Env) -> dict[str, Any]:
    """Return what uvicorn is run with, beside application and address."""
    return {
        "http": bounded_protocol(env.requests),
        "ws": "none",
        "lifespan": "off",
        # Forwarded headers are Django's to judge, by NUM_PROXIES and BEHIND_HTTPS_PROXY.
        "proxy_headers": False,
        "server_header": False,
        # Its lines hold the query, and with it tokens; RequestContext logs each request without.
        "access_log": False,
        "limit_concurrency": env.requests.max_connections,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": STOP_SECONDS,
    }


if __name__ == "__main__":
    main()
