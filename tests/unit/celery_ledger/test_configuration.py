"""LedgerApp sets what the ledger needs, behind what a project sets."""

from celery_ledger import LedgerApp
from celery_ledger.transports.brokers import VISIBILITY_TIMEOUT_SECONDS


def app(**conf):
    made = LedgerApp("unit", set_as_current=False)
    made.conf.update(conf)
    return made


def test_an_application_without_settings_has_what_the_ledger_needs():
    conf = app(broker_url="redis://a").conf

    assert conf.task_acks_late is False
    assert conf.worker_prefetch_multiplier == 1
    assert conf.worker_consumer == "celery_ledger.running.consumer:Consumer"
    assert conf.broker_connection_max_retries is None
    assert conf.get("CELERY_DB_REUSE_MAX") == 1_000_000
    assert conf.worker_disable_prefetch is True
    assert conf.broker_transport_options["visibility_timeout"] == VISIBILITY_TIMEOUT_SECONDS


def test_what_a_project_sets_goes_first():
    conf = app(
        broker_url="redis://a", worker_prefetch_multiplier=3, broker_transport_options={"socket_timeout": 9}
    ).conf

    assert conf.worker_prefetch_multiplier == 3
    assert conf.broker_transport_options["socket_timeout"] == 9
    assert conf.broker_transport_options["visibility_timeout"] == VISIBILITY_TIMEOUT_SECONDS


def test_a_configuration_object_goes_first():
    made = LedgerApp("unit", set_as_current=False)
    made.config_from_object(
        {"CELERY_BROKER_URL": "amqp://a", "CELERY_TASK_TRACK_STARTED": False}, namespace="CELERY"
    )

    assert made.conf.task_track_started is False
    assert made.conf.task_acks_late is False
    assert made.conf.broker_heartbeat == 10


def test_an_unknown_broker_is_left_to_kombu():
    assert app(broker_url="memory://").conf.broker_transport_options == {}
