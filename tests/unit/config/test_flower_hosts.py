"""Flower's pages and its API look at the Host header; the rest of it is Flower's own."""

import subprocess
import sys

import pytest

from config.env import ROOT

# In a process of its own: the check changes Flower's classes.
ASK = """
import asyncio, sys
from config import env
env.select_settings()
from config.flower_hosts import check_hosts
check_hosts()
check_hosts()
import flower.options
from flower.api.tasks import TaskSend
from flower.views.monitor import Healthcheck
from tornado.options import options
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, StaticFileHandler

HANDLERS = [
    ("/healthcheck", Healthcheck),
    ("/api/task/send-task/(.+)", TaskSend),
    ("/static/(.*)", StaticFileHandler, {"path": "/nowhere"}),
]

async def ask():
    listener, port = bind_unused_port()
    application = Application(HANDLERS)
    application.options = options
    HTTPServer(application).add_socket(listener)
    for path in sys.argv[2:]:
        post = {"method": "POST", "body": b"{}"} if "send-task" in path else {}
        headers = {"Host": sys.argv[1]}
        url = f"http://127.0.0.1:{port}{path}"
        answer = await AsyncHTTPClient().fetch(url, raise_error=False, headers=headers, **post)
        print(answer.code)

asyncio.run(ask())
"""
PATHS = ("/healthcheck", "/static/css/flower.css", "/api/task/send-task/a.b")


def ask(host):
    done = subprocess.run(
        [sys.executable, "-c", ASK, host, *PATHS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.split()]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:5555"])
def test_a_strangers_name_that_leads_here_is_refused(host):
    assert ask(host) == [421, 421, 421]


def test_this_machine_s_own_names_are_not():
    assert 421 not in ask("localhost:5555")
