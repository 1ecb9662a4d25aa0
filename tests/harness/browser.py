"""Chromium on a page of another origin than the API's, driven by the scenarios in tests/browser."""

import json
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from config.env import ROOT
from tests.eventually import eventually
from tests.harness.installed import chromium

FOLDER = ROOT / "tests" / "browser"
INSTALL_SECONDS = 300


class Pages:
    """Serves the pages of tests/browser, and one file as /source, at an origin of their own."""

    def __init__(self) -> None:
        self.source = Path()
        self.said: set[str] = set()
        handler = partial(_Handler, self, directory=str(FOLDER))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        # Not 127.0.0.1: another host than the API's is another site too, not only another origin.
        self.origin = f"http://localhost:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def start(self, scenario: str, *, seconds: int, **given: object) -> "Run":
        """Begin the scenario in a browser of its own."""
        return Run(f"{self.origin}/player.html", scenario, seconds, given)

    def wait_for(self, word: str, run: "Run", within_seconds: float = 120) -> None:
        """Return once the page has said `word`; fail with what became of it where it ends before."""
        eventually(lambda: word in self.said or run.has_ended, within_seconds)
        assert word in self.said, run.found()
        self.said.remove(word)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Run:
    """One scenario on its way."""

    def __init__(self, url: str, scenario: str, seconds: int, given: dict[str, object]) -> None:
        request = {"url": url, "scenario": scenario, "seconds": seconds, "arguments": given}
        command = [str(shutil.which("node")), "drive.mjs", str(chromium()), json.dumps(request)]
        self._seconds = seconds
        self._process = subprocess.Popen(
            command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def found(self) -> Any:
        """Return what the scenario returned; fail with what the page said where it failed."""
        try:
            out, errors = self._process.communicate(timeout=self._seconds + 60)
        finally:
            self._process.kill()
        lines = out.strip().splitlines()
        assert lines, errors
        result = json.loads(lines[-1])
        assert "found" in result, result
        return result["found"]


class _Handler(SimpleHTTPRequestHandler):
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}

    def __init__(self, pages: Pages, *args: Any, **options: Any) -> None:
        self._pages = pages
        super().__init__(*args, **options)

    def translate_path(self, path: str) -> str:
        return str(self._pages.source) if path == "/source" else super().translate_path(path)

    def do_POST(self) -> None:
        """Take a word from the page."""
        self._pages.said.add(self.path.removeprefix("/said/"))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


def install_players() -> None:
    """Install what package-lock.json names, where that is not done. The packages' own scripts do not run."""
    wanted, installed = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= wanted.stat().st_mtime:
        return
    command = [str(shutil.which("npm")), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(
        command, check=False, cwd=FOLDER, capture_output=True, text=True, timeout=INSTALL_SECONDS
    )
    assert done.returncode == 0, done.stderr
