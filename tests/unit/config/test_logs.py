import json
import logging

import pytest
import structlog
from django.conf import settings

from config import logs


@pytest.fixture(autouse=True)
def same_processors():
    """Give structlog back the list of processors that loggers in use hold, and by which other tests read lines."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def lines(capsys):
    """Return a function that returns the lines written to stdout, as JSON."""
    logs.configure({"level": "info", "format": "json"})

    def read():
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    yield read
    structlog.contextvars.clear_contextvars()
    logs.configure(settings.LOGGING)


def test_a_line_has_its_event_and_fields(lines):
    structlog.get_logger("celery_ledger.publishing.relay").info("job_published", job_id="1", attempt=2)

    (line,) = lines()

    assert line["event"] == "job_published"
    assert (line["job_id"], line["attempt"], line["level"], line["logger"]) == (
        "1",
        2,
        "info",
        "celery_ledger.publishing.relay",
    )
    assert line["timestamp"].endswith("Z")


def test_a_librarys_line_goes_through_the_same_chain(lines):
    structlog.contextvars.bind_contextvars(request_id="r1")

    logging.getLogger("urllib3").warning("retrying %s", "a", extra={"attempt": 3})

    (line,) = lines()
    assert (line["event"], line["attempt"], line["request_id"]) == ("retrying a", 3, "r1")


def test_what_is_bound_to_the_request_is_on_every_line(lines):
    structlog.contextvars.bind_contextvars(request_id="r1", job_id="j1")

    structlog.get_logger("a").info("one")
    structlog.get_logger("b").info("two")

    assert [(line["request_id"], line["job_id"]) for line in lines()] == [("r1", "j1")] * 2


def test_a_field_named_like_a_secret_is_hidden(lines):
    structlog.get_logger("a").info("one", password="hunter2", token="hunter2", user_id="1")
    logging.getLogger("b").info("two", extra={"Authorization": "x", "secret": "hunter2"})

    one, two = lines()
    assert (one["password"], one["token"], one["user_id"]) == ("hidden", "hidden", "1")
    assert (two["Authorization"], two["secret"]) == ("hidden", "hidden")


def test_a_line_below_the_level_is_not_written(lines):
    structlog.get_logger("a").debug("one")
    logging.getLogger("b").debug("two")

    assert lines() == []


def test_a_traceback_is_one_line(lines):
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        structlog.get_logger("a").exception("job_failed")

    (line,) = lines()
    assert line["exception"][0]["exc_type"] == "ZeroDivisionError"


def test_a_terminal_gets_words(capsys):
    logs.configure({"level": "info", "format": "console"})

    structlog.get_logger("a").info("job_published", attempt=2)

    assert "job_published " in capsys.readouterr().out
    logs.configure(settings.LOGGING)


def test_uvicorn_logs_no_requests_for_its_lines_hold_the_query(lines):
    access = logging.getLogger("uvicorn.access")

    access.info('%s - "%s %s HTTP/%s" %d', "127.0.0.1", "GET", "/reset-password?token=hunter2", "1.1", 200)

    assert lines() == []
    # A handler further up is what uvicorn takes for the wish to log requests.
    assert not access.propagate


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "Bad Request: /reset-password?next=/&token=hunter2",
            "Bad Request: /reset-password?next=/&token=hidden",
        ),
        ("Not Found: /api/account/deletions/hunter2", "Not Found: /api/account/deletions/hidden"),
    ],
)
def test_a_secret_in_an_address_is_hidden_in_a_library_s_line_too(lines, line, shown):
    logging.getLogger("django.request").warning("%s", line)

    assert lines()[0]["event"] == shown


@pytest.fixture
def terminal(capsys):
    """Return a function that returns what was written for a terminal."""
    logs.configure({"level": "info", "format": "console"})
    yield lambda: capsys.readouterr().out
    logs.configure(settings.LOGGING)


HOSTILE = "/a\n2026-01-01T00:00:00Z [info] login_accepted\r\x1b[2J\x9b\u2028"


def test_a_client_cannot_write_a_line_of_its_own_to_a_terminal(terminal):
    structlog.get_logger("a").info("request_finished", path=HOSTILE)
    logging.getLogger("b").warning("Not Found: %s", HOSTILE)

    written = terminal()
    assert len(written.splitlines()) == 2
    assert "\x1b" not in written


def test_a_client_cannot_write_a_line_of_its_own_to_json(capsys):
    logs.configure({"level": "info", "format": "json"})

    structlog.get_logger("a").info("request_finished", path=HOSTILE)
    logging.getLogger("b").warning("Not Found: %s", HOSTILE)

    written = capsys.readouterr().out
    assert len(written.splitlines()) == 2
    assert "\x1b" not in written
    logs.configure(settings.LOGGING)


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_traceback_has_no_local_variables(capsys, form):
    logs.configure({"level": "info", "format": form})

    password = "2retnuh"[::-1]  # the source lines around the frame are shown
    try:
        _ = len(password) / 0
    except ZeroDivisionError:
        structlog.get_logger("a").exception("job_failed")

    written = capsys.readouterr().out
    assert "ZeroDivisionError" in written
    assert "hunter2" not in written
    logs.configure(settings.LOGGING)
