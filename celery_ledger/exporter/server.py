"""The exporter's HTTP: /metrics, /metrics/web for those of the web processes, and /health."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from celery_ledger.exporter.hosts import is_allowed
from celery_ledger.exporter.sources import Sources

log = structlog.get_logger(__name__)

HOME = (
    b"<!doctype html><title>Exporter</title>"
    b"<p><a href=/metrics>/metrics</a> <a href=/metrics/web>/metrics/web</a> <a href=/health>/health</a>"
)


class Server(ThreadingHTTPServer):
    """Serves a registry. Raises OSError where the port is taken."""

    daemon_threads = True

    def __init__(
        self,
        host: str,
        port: int,
        pages: Mapping[str, CollectorRegistry],
        sources: Sources,
        allowed_hosts: Sequence[str],
    ) -> None:
        super().__init__((host, port), _Handler)
        self.allowed_hosts = allowed_hosts
        # Which metrics are on which path.
        self.pages = pages
        self.sources = sources


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version = "offstage"
    sys_version = ""
    # A scraper that stops reading must not keep its thread for ever.
    timeout = 30

    def do_GET(self) -> None:
        """Answer."""
        if not is_allowed(self.headers.get("Host", ""), self.server.allowed_hosts):
            self._answer(HTTPStatus.MISDIRECTED_REQUEST, "text/plain", b"host not allowed\n")
            return
        match urlsplit(self.path).path.rstrip("/"):
            case path if path in self.server.pages:
                self._answer_metrics(self.server.pages[path])
            case "/health" | "/healthz":
                # 200 while the process lives: what it learns from is in the body, and in offstage_exporter_up.
                body = json.dumps({"status": "ok", "sources": self.server.sources.states()})
                self._answer(HTTPStatus.OK, "application/json", body.encode())
            case "":
                self._answer(HTTPStatus.OK, "text/html", HOME)
            case _:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"not found\n")

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def _answer_metrics(self, registry: CollectorRegistry) -> None:
        encode, content_type = choose_encoder(self.headers.get("Accept", ""))
        self._answer(HTTPStatus.OK, content_type, encode(registry))

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Keep scrapes out of the log, as debug lines."""
        log.debug("request_answered", line=format % args)
