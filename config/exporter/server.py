"""The exporter's HTTP: /metrics and /health."""

import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from config.exporter.sources import Sources

log = structlog.get_logger(__name__)

HOME = b"<!doctype html><title>Offstage exporter</title><p><a href=/metrics>/metrics</a> <a href=/health>/health</a>"


class Server(ThreadingHTTPServer):
    """Serves a registry. Raises OSError where the port is taken."""

    daemon_threads = True

    def __init__(self, host: str, port: int, registry: CollectorRegistry, sources: Sources) -> None:
        super().__init__((host, port), _Handler)
        self.registry = registry
        self.sources = sources


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version = "offstage"
    # A scraper that stops reading must not keep its thread for ever.
    timeout = 30

    def do_GET(self) -> None:
        """Answer."""
        match urlsplit(self.path).path.rstrip("/"):
            case "/metrics":
                encode, content_type = choose_encoder(self.headers.get("Accept", ""))
                self._answer(HTTPStatus.OK, content_type, encode(self.server.registry))
            case "/health" | "/healthz":
                # 200 while the process lives: what it learns from is in the body, and in offstage_exporter_up.
                body = json.dumps({"status": "ok", "sources": self.server.sources.states()})
                self._answer(HTTPStatus.OK, "application/json", body.encode())
            case "":
                self._answer(HTTPStatus.OK, "text/html", HOME)
            case _:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"not found\n")

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Keep scrapes out of the log, as debug lines."""
        log.debug("request_answered", line=format % args)
