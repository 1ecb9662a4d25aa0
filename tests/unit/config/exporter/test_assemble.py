"""How the parts hang together."""

from config.celery import app
from config.exporter.assemble import assemble, by_node, declared_tasks
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


def test_processes_are_added_up_by_node():
    assert by_node({"a@h/1": 1, "a@h/2": 2, "b@h/3": 4}) == {"a@h": 3, "b@h": 4}
