"""Which sources answer."""

from celery_ledger.exporter.sources import Sources


def test_a_source_is_down_until_it_answers():
    sources = Sources(["events", "ledger"])

    sources.up("ledger")

    (metric,) = sources.collect()
    assert {sample.labels["source"]: sample.value for sample in metric.samples} == {"events": 0, "ledger": 1}


def test_a_loss_is_logged_once_and_the_return_too(caplog):
    sources = Sources(["ledger"])

    with caplog.at_level("INFO"):
        for _ in range(3):
            sources.up("ledger")
        for _ in range(3):
            sources.down("ledger", OSError("gone"))
        sources.up("ledger")

    assert [record.msg["event"] for record in caplog.records] == [
        "source_found",
        "source_lost",
        "source_found",
    ]
    assert sources.states() == {"ledger": True}
