import pytest

from config import queues
from config.env import read
from config.stack.parts import address, parts_of


def parts(on_terminal=False, **variables):
    return {part.name: part for part in parts_of(read(variables), on_terminal=on_terminal)}


def test_six_parts_run():
    assert list(parts()) == ["web", "worker", "media", "beat", "exporter", "flower"]


def test_the_ports_are_those_of_the_environment():
    running = parts(WEB_PORT="8100", FLOWER_PORT="5600", EXPORTER_PORT="9900")

    assert "8100" in running["web"].command
    assert "--port=5600" in running["flower"].command
    assert [running[name].url for name in ("web", "exporter", "flower")] == [
        "http://127.0.0.1:8100/healthz",
        "http://127.0.0.1:9900/metrics",
        "http://127.0.0.1:5600/healthcheck",
    ]


def test_only_the_web_process_has_a_pool_of_connections():
    sizes = {name: part.environment["DATABASE_POOL_SIZE"] for name, part in parts().items()}

    assert int(sizes.pop("web")) > 1
    assert set(sizes.values()) == {"0"}
    assert parts(DATABASE_POOL_SIZE="5")["web"].environment["DATABASE_POOL_SIZE"] == "5"


def test_videos_take_no_process_that_short_jobs_need():
    running = parts()
    consumed = {
        name: running[name].command[running[name].command.index("--queues") + 1].split(",")
        for name in ("worker", "media")
    }

    assert consumed["media"] == ["media", "speech"]
    assert sorted(consumed["worker"] + consumed["media"]) == sorted(queues.NAMES)


@pytest.mark.parametrize("name", ["worker", "media"])
def test_each_worker_stops_cold_on_sigterm_and_runs_as_many_jobs_as_asked(name):
    worker = parts(WORKER_CONCURRENCY="7")[name]

    assert worker.environment["REMAP_SIGTERM"] == "SIGQUIT"
    assert worker.command[worker.command.index("--concurrency") + 1] == "7"


@pytest.mark.parametrize(
    ("on_terminal", "asked", "got"),
    [
        (True, "auto", "console"),
        (False, "auto", "auto"),
        (True, "json", "json"),
        (False, "console", "console"),
    ],
)
def test_logs_are_for_people_on_a_terminal(on_terminal, asked, got):
    running = parts(on_terminal, LOG_FORMAT=asked)

    assert {part.environment["LOG_FORMAT"] for part in running.values()} == {got}


@pytest.mark.parametrize("line", ['{"event": "offstage-7@vm ready.", "level": "info"}', "celery@a ready."])
def test_the_worker_s_ready_line_is_known_in_both_formats(line):
    assert parts()["worker"].ready_line.search(line)


def test_nothing_is_awaited_in_a_log_that_does_not_say_it():
    assert parts(LOG_LEVEL="warning")["worker"].ready_line is None


@pytest.mark.parametrize(
    ("bound", "host"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]")],  # noqa: S104
)
def test_the_address_is_one_that_can_be_opened(bound, host):
    assert address(read({"BIND_ADDRESS": bound}), 80) == f"http://{host}:80"
