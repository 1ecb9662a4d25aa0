import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from config.env import read
from config.stack.announce import answers, table
from tests.harness.ports import free_port


@pytest.fixture
def server():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(int(self.path.strip("/")))
            self.end_headers()

        def log_message(self, *_):
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "is_answer"), [(200, True), (302, True), (404, False), (503, False)])
def test_only_a_success_is_an_answer(server, status, is_answer):
    assert answers(f"{server}/{status}") is is_answer


def test_a_port_that_nobody_listens_on_is_no_answer():
    assert not answers(f"http://127.0.0.1:{free_port()}/")


def test_the_table_names_the_mailbox_only_while_it_is_in_use():
    assert [line for line in table(read({})) if "mailbox" in line]
    assert not [line for line in table(read({"EMAIL_URL": "smtp://a"})) if "mailbox" in line]
