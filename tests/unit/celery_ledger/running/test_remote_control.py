"""Time limits that are set by remote control would have no effect, and are refused."""

from types import SimpleNamespace

import pytest
from celery import current_app
from celery.worker.control import Panel, time_limit
from celery.worker.request import Request as CelerysRequest
from celery.worker.request import create_request_cls

from celery_ledger.running.remote_control import TIME_LIMITS_REFUSED, refuse_what_has_no_effect
from tests.upstream import mended


@pytest.fixture
def task():
    task = current_app.tasks["test.note"]
    before = task.soft_time_limit, task.time_limit
    yield task
    task.soft_time_limit, task.time_limit = before


def test_a_time_limit_is_refused_and_nothing_changes(task, monkeypatch):
    monkeypatch.setitem(Panel.data, "time_limit", time_limit)
    before = task.soft_time_limit, task.time_limit

    refuse_what_has_no_effect()
    reply = Panel.data["time_limit"](SimpleNamespace(app=current_app), task_name="test.note", soft=1, hard=2)

    assert reply == {"error": TIME_LIMITS_REFUSED}
    assert (task.soft_time_limit, task.time_limit) == before


def test_celery_still_keeps_the_limits_that_a_task_had_when_the_worker_connected(task):
    limits = []
    pool = SimpleNamespace(apply_async=lambda *_args, **options: limits.append(options["timeout"]))
    kind = create_request_cls(CelerysRequest, task, pool, "host", None, app=current_app)
    request = SimpleNamespace(
        task_id="1", revoked=lambda: False, time_limits=(None, None), type="", request_dict={}, body=b"",
        content_type="", content_encoding="", on_accepted=None, on_timeout=None, on_success=None, on_failure=None,
    )  # fmt: skip
    before = task.time_limit

    time_limit(SimpleNamespace(app=current_app), task_name="test.note", soft=1, hard=before + 1)
    kind.execute_using_pool(request, pool)

    assert limits == [before], mended("celery", "celery_ledger.running.remote_control")
