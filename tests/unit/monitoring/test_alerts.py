"""The alert rules: right, tested, and each with its sentence in the runbook."""

import re
import subprocess

import promql_parser
import pytest
import yaml

from config.env import ROOT
from tests.harness.installed import may_be_missing
from tests.unit.monitoring.exposed import metrics_in, series_of_the_exporter, series_of_the_web

MONITORING = ROOT / "monitoring"
RULES = MONITORING / "alerts" / "rules.yml"
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()

needs_promtool = pytest.mark.skipif(
    may_be_missing("promtool"),
    reason="promtool is not installed (Debian: apt-get install prometheus); expressions are parsed all the same",
)
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])


def promtool(*arguments):
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)  # noqa: S607


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", MONITORING / "prometheus.yml"),
        ("check", "rules", RULES),
        ("test", "rules", MONITORING / "alerts" / "rules_test.yml"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_promtool_finds_nothing_wrong(arguments):
    done = promtool(*arguments)

    assert done.returncode == 0, done.stdout + done.stderr


@each_alert
def test_an_alert_parses_and_reads_only_what_is_exposed(alert):
    promql_parser.parse(alert["expr"])

    assert metrics_in(alert["expr"]) <= series_of_the_exporter() | series_of_the_web() | {"up"}


@each_alert
def test_an_alert_waits_has_a_severity_and_says_what_is_wrong(alert):
    assert re.fullmatch(r"\d+m", alert["for"])
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["annotations"]["summary"]


@each_alert
def test_an_alert_has_an_entry_in_the_runbook_that_says_what_to_do(alert):
    path, anchor = alert["annotations"]["runbook"].split("#")
    entry = RUNBOOK.partition(f"\n## {alert['alert']}\n")[2].partition("\n## ")[0]

    assert (path, anchor) == ("docs/runbook.md", alert["alert"].lower())
    assert all(word in entry for word in ("**Means**", "**Look**", "**Do**"))


@each_alert
def test_an_alert_is_seen_to_fire_in_a_test(alert):
    tests = yaml.safe_load((MONITORING / "alerts" / "rules_test.yml").read_text())["tests"]
    cases = [
        case for test in tests for case in test["alert_rule_test"] if case["alertname"] == alert["alert"]
    ]

    assert any(case["exp_alerts"] for case in cases)


def test_the_runbook_has_no_entry_without_an_alert():
    assert re.findall(r"^## (\w+)$", RUNBOOK, re.MULTILINE) == [alert["alert"] for alert in ALERTS]


def test_the_scrape_job_has_the_name_that_public_dashboards_look_for():
    job, web = yaml.safe_load((MONITORING / "prometheus.yml").read_text())["scrape_configs"]

    assert job["job_name"] == "celery-exporter"
    assert set(job["static_configs"][0]["labels"]) == {"cluster", "namespace"}
    assert (web["job_name"], web["metrics_path"]) == ("offstage-web", "/metrics/web")
