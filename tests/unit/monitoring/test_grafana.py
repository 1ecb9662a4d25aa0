"""The dashboard: every query right, over metrics and labels that the exporter really has; every metric on a panel."""

import json
import re
import subprocess

import promql_parser
import pytest
import yaml

from config.env import ROOT
from tests.harness.installed import may_be_missing
from tests.unit.monitoring.exposed import labels_of, metrics_in, series_of_the_exporter

BOARD = json.loads((ROOT / "monitoring" / "grafana" / "offstage-jobs.json").read_text())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
# Parts of histograms that no panel needs: their quantiles come from the buckets.
UNSEEN = {
    f"celery_task_{name}_{part}" for name in ("runtime", "queue_wait_time") for part in ("sum", "count")
}


def plain(query):
    """Return the query with Grafana's variables replaced."""
    return query.replace("$__rate_interval", "5m").replace("$queue", ".*").replace("$task", ".*")


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_parses_and_reads_only_what_is_exposed(query):
    promql_parser.parse(plain(query))

    assert "$" not in plain(query)
    assert metrics_in(plain(query)) <= series_of_the_exporter()


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_filters_only_by_labels_that_there_are(query):
    for metric, matchers in re.findall(r"(\w+)\{([^}]*)\}", plain(query)):
        assert set(re.findall(r"(\w+)\s*(?:=|!)", matchers)) <= labels_of(metric)


@pytest.mark.skipif(
    may_be_missing("promtool"), reason="promtool is not installed (Debian: apt-get install prometheus)"
)
def test_promtool_takes_every_query_for_a_rule(tmp_path):
    rules = [
        {"record": f"board:query:{number}", "expr": plain(query)} for number, query in enumerate(QUERIES)
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}))

    done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)  # noqa: S607

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(QUERIES)} rules found" in done.stdout


def test_every_metric_is_on_a_panel():
    shown = set().union(*(metrics_in(plain(query)) for query in QUERIES))

    assert series_of_the_exporter() - UNSEEN == shown


def test_the_board_can_be_imported_anywhere():
    sources = {json.dumps(panel["datasource"]) for panel in PANELS}

    assert BOARD["uid"] == "offstage-jobs"
    assert sources == {json.dumps({"type": "prometheus", "uid": "${datasource}"})}
    assert BOARD["templating"]["list"][0]["type"] == "datasource"
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


def test_panels_do_not_lie_on_each_other():
    cells = [
        (x, y)
        for panel in BOARD["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(cells) == len(set(cells))


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows(panel):
    assert panel["title"]
    assert panel["description"]
