from celery import current_app
from django.conf import settings

from config import queues
from config.celery import app


def test_only_plain_values_go_over_the_wire():
    assert app.conf.accept_content == app.conf.result_accept_content == ["json"]
    assert app.conf.task_serializer == app.conf.result_serializer == "json"


def test_a_plain_worker_consumes_every_queue():
    assert set(app.amqp.queues) == set(queues.NAMES)


def test_a_message_is_acknowledged_before_its_job_runs():
    assert app.conf.task_acks_late is False
    assert app.conf.worker_prefetch_multiplier == 1


def test_a_worker_waits_for_its_broker_without_end():
    assert app.conf.broker_connection_max_retries is None
    assert app.conf.broker_connection_retry_on_startup is True
    assert app.conf.broker_channel_error_retry is True


def test_the_app_is_the_current_one_in_every_process():
    assert current_app._get_current_object() is app


def test_a_worker_stops_within_what_make_run_allows():
    assert app.conf.worker_soft_shutdown_timeout == settings.WORKER_STOP_SECONDS <= 10
