"""The exporter's HTTP."""

import json
import threading

import httpx
import pytest
from prometheus_client import CollectorRegistry, Gauge

from celery_ledger.exporter.server import Server
from celery_ledger.exporter.sources import Sources


@pytest.fixture
def sources():
    return Sources(["ledger"])


@pytest.fixture
def url(sources):
    registry = CollectorRegistry()
    registry.register(sources)
    Gauge("some_metric", "Some metric.", registry=registry).set(3)
    server = Server("127.0.0.1", 0, {"/metrics": registry}, sources, ["exporter"])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def get(url, **headers):
    answer = httpx.get(url, headers=headers)
    answer.raise_for_status()
    return answer.headers["Content-Type"], answer.text


def test_metrics_are_prometheus_text(url):
    content_type, body = get(f"{url}/metrics")

    assert content_type.startswith("text/plain")
    assert "some_metric 3.0" in body
    assert 'offstage_exporter_up{source="ledger"} 0.0' in body


def test_metrics_are_openmetrics_for_who_asks(url):
    content_type, body = get(f"{url}/metrics/", Accept="application/openmetrics-text; version=1.0.0")

    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith("# EOF\n")


def test_health_is_200_whatever_the_sources_do(url, sources):
    down = json.loads(get(f"{url}/health")[1])
    sources.up("ledger")
    up = json.loads(get(f"{url}/health")[1])

    assert (down["sources"], up["sources"]) == ({"ledger": False}, {"ledger": True})


def test_other_paths_are_404(url):
    assert httpx.get(f"{url}/nothing").status_code == 404


def test_a_taken_port_is_an_error_at_the_start(url, sources):
    port = int(url.rpartition(":")[2])

    with pytest.raises(OSError, match="in use"):
        Server("127.0.0.1", port, {}, sources, [])


def test_a_strangers_name_that_leads_here_is_refused(url):
    answer = httpx.get(f"{url}/metrics", headers={"Host": "evil.example"})

    assert answer.status_code == 421
    assert "some_metric" not in answer.text


@pytest.mark.parametrize("host", ["localhost:1", "10.0.0.7", "exporter:9808"])
def test_a_scraper_that_asks_by_number_or_an_allowed_name_is_served(url, host):
    assert httpx.get(f"{url}/metrics", headers={"Host": host}).status_code == 200


def test_no_response_names_its_software(url):
    assert httpx.get(f"{url}/metrics").headers["Server"].strip() == "offstage"
