"""What the library logs in a project that has not configured structlog."""

import logging
import subprocess
import sys

import pytest
import structlog

from celery_ledger.plain_logs import to_plain_text
from config.env import ROOT

ALONE = """
import logging
import structlog
from celery_ledger.plain_logs import configure_unless_configured
logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
configure_unless_configured()
configure_unless_configured()

def body(password):
    raise ValueError("no such order")

try:
    body("hunter2")
except ValueError as error:
    structlog.get_logger("celery_ledger.task").error("job_dead", job_id="7", reason="100 % sure", exc_info=error)
structlog.get_logger("celery_ledger.task").info("job_claimed")
"""


def test_a_dead_job_is_one_line_and_a_traceback_without_variables():
    ended = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )

    lines = ended.stderr.splitlines()
    assert lines[0] == "ERROR celery_ledger.task job_dead job_id='7' reason='100 % sure'"
    assert lines[-1] == "ValueError: no such order"
    assert len(lines) < 10
    assert "hunter2" not in ended.stderr + ended.stdout


def test_a_project_that_has_configured_structlog_keeps_its_own_way():
    assert structlog.is_configured()
    assert to_plain_text not in structlog.get_config()["processors"]


@pytest.mark.parametrize("exc_info", [None, False])
def test_an_event_without_an_error_has_no_traceback(exc_info):
    arguments = to_plain_text(logging.getLogger(), "info", {"event": "job_claimed", "exc_info": exc_info})

    assert arguments == (("job_claimed",), {"exc_info": None})
