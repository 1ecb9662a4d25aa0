import os
from types import SimpleNamespace

from celery.utils.nodenames import default_nodename

from celery_ledger.running import worker_process


def test_a_worker_without_a_name_gets_one_of_its_own():
    instance = SimpleNamespace(hostname=default_nodename(""))

    worker_process.name_uniquely(instance=instance)

    assert instance.hostname.startswith(f"celery-{os.getpid()}@")


def test_a_name_that_somebody_gave_stays():
    instance = SimpleNamespace(hostname="media@here")

    worker_process.name_uniquely(instance=instance)

    assert instance.hostname == "media@here"


def test_sigterm_stops_a_worker_in_time_unless_somebody_decided(monkeypatch):
    monkeypatch.delenv("REMAP_SIGTERM", raising=False)

    worker_process.stop_in_time()

    assert os.environ["REMAP_SIGTERM"] == "SIGQUIT"  # noqa: TID251 - what billiard reads


def test_an_environment_that_says_otherwise_is_left_alone(monkeypatch):
    monkeypatch.setenv("REMAP_SIGTERM", "")

    worker_process.stop_in_time()

    assert os.environ["REMAP_SIGTERM"] == ""  # noqa: TID251 - as above
