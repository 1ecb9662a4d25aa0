"""How the parts hang together."""

from celery import Celery

from celery_ledger.exporter.assemble import assemble, by_node, declared_tasks
from config.celery import app
from config.queues import NAMES


def test_every_declared_task_has_a_queue_that_exists():
    tasks = declared_tasks(app)

    assert tasks["accounts.send_verification"] == "mail"
    assert set(tasks.values()) <= set(NAMES)
    assert not [name for name in tasks if name.startswith("celery.")]


def test_each_source_has_a_thread():
    exporter = assemble(app)

    assert (
        set(exporter.threads) == set(exporter.sources.states()) == {"events", "queues", "workers", "ledger"}
    )


def test_on_sqs_the_ledger_speaks_for_queues_and_nobody_for_consumers():
    sqs = Celery("elsewhere", broker="sqs://key:secret@127.0.0.1:1//", set_as_current=False)

    exporter = assemble(sqs)

    with exporter.registry._lock:
        kinds = {type(collector).__name__ for collector in exporter.registry._collector_to_names}
    assert set(exporter.threads) == {"ledger"}
    assert "Ledger" in kinds
    assert not kinds & {"Consumers", "Queues"}


def test_processes_are_added_up_by_node():
    assert by_node({"a@h/1": 1, "a@h/2": 2, "b@h/3": 4}) == {"a@h": 3, "b@h": 4}
