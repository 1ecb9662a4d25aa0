import os
from types import SimpleNamespace

from celery import signals
from celery.utils.nodenames import default_nodename

from config import worker


def test_a_worker_without_a_name_gets_one_of_its_own():
    instance = SimpleNamespace(hostname=default_nodename(""))

    worker.name_uniquely(instance=instance)

    assert instance.hostname.startswith(f"celery-{os.getpid()}@")


def test_a_name_that_somebody_gave_stays():
    instance = SimpleNamespace(hostname="media@here")

    worker.name_uniquely(instance=instance)

    assert instance.hostname == "media@here"


def test_celery_leaves_the_root_logger_alone():
    assert signals.setup_logging.receivers
