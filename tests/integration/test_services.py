"""The embedded services as they really run: started, shared, killed, broken and left."""

import os
import pwd
import shutil
import signal
import smtplib
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from config import services
from config.services import ServiceFailed
from config.services.places import Places
from config.services.unprivileged import Identity, before_exec
from tests.eventually import eventually
from tests.harness.house import House

# Uses the services until its stdin ends, and says so.
USER = """
import sys
from config.env import load
from config.services import ensure, states
ensure(load())
print(*(state.pid for state in states(load()).values()), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    yield house
    house.close()


def pids(house: House) -> dict[str, int | None]:
    return {name: state and state.pid for name, state in services.states(house.env).items()}


def sql(house: House, statement: str):
    with psycopg.connect(services.urls(house.env).database, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else None


def cache(house: House) -> redis.Redis:
    return redis.Redis.from_url(services.urls(house.env).cache)


def a_user(house: House) -> tuple[subprocess.Popen[bytes], list[int]]:
    user = house.start("-c", USER, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert user.stdout is not None
    return user, [int(pid) for pid in user.stdout.readline().split()]


def is_gone(pid: int | None) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_all_three_take_requests_once_started(house):
    services.start(house.env)

    assert sql(house, "select current_database()") == [("offstage",)]
    assert cache(house).ping()
    with smtplib.SMTP("127.0.0.1", house.env.ports.mail) as mailbox:
        assert mailbox.noop()[0] == 250


def test_nothing_that_was_acknowledged_is_at_the_mercy_of_a_power_cut(house):
    services.start(house.env)

    assert sql(house, "select current_setting('fsync'), current_setting('synchronous_commit')") == [
        ("on", "on")
    ]
    settings = cache(house).config_get("appendonly", "maxmemory-policy")
    assert settings == {"appendonly": "yes", "maxmemory-policy": "noeviction"}


def test_starting_twice_starts_nothing_twice(house):
    services.start(house.env)
    first = pids(house)

    services.start(house.env)

    assert pids(house) == first
    assert None not in first.values()


def test_two_who_start_at_once_share_the_services(house):
    users = [house.start("-c", USER, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(4)]

    seen = {user.stdout.readline() for user in users}

    assert len(seen) == 1
    assert len(seen.pop().split()) == 3
    for user in users:
        user.communicate()


def test_a_service_whose_url_is_given_is_not_started(tmp_path):
    house = House(tmp_path, DATABASE_URL="postgresql://elsewhere/x", EMAIL_URL="smtp://elsewhere")
    services.start(house.env)

    assert list(services.states(house.env)) == ["valkey"]
    assert not (house.data / "postgres").exists()
    house.close()


def test_valkey_runs_where_only_one_of_its_urls_is_given(tmp_path):
    house = House(tmp_path, DATABASE_URL="postgresql://x/x", EMAIL_URL="smtp://x", BROKER_URL="amqp://x")
    services.start(house.env)

    assert cache(house).ping()
    house.close()


def test_who_leaves_last_ends_them(house):
    user, _ = a_user(house)
    services.start(house.env)
    before = pids(house)

    services.leave(house.env)
    assert pids(house) == before
    user.communicate()

    eventually(lambda: not house.processes())


def test_leaving_alone_returns_when_they_have_ended(house):
    services.start(house.env)
    before = pids(house)

    services.leave(house.env)

    assert [name for name, pid in before.items() if not is_gone(pid)] == []


def test_a_user_that_is_killed_holds_nothing_up(house):
    user, _ = a_user(house)

    user.kill()
    user.wait()

    eventually(lambda: not house.processes())


def test_a_forked_child_of_a_user_is_a_user(house):
    program = USER.replace(
        "sys.stdin.read()", "import os\nif os.fork() == 0: sys.stdin.read()\nelse: os._exit(0)"
    )
    user = house.start("-c", program, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    started = [int(pid) for pid in user.stdout.readline().split()]
    user.wait()
    ended_at = time.monotonic()

    # Longer than the services outlive their last user.
    eventually(lambda: time.monotonic() - ended_at > 3.5)
    assert list(pids(house).values()) == started
    user.stdin.close()
    eventually(lambda: not house.processes())


def name_of(process):
    try:
        return process.name()
    except psutil.NoSuchProcess:  # it has ended since it was listed
        return None


def test_a_program_that_a_user_started_is_no_user(house):
    started = "import subprocess\nsubprocess.Popen(['sleep', '30'])\n"
    user = house.start("-c", USER.replace("sys.stdin.read()", started), stdout=subprocess.PIPE)
    user.stdout.readline()
    user.wait()

    eventually(lambda: [name_of(process) for process in house.processes()] == ["sleep"])
    house.processes()[0].kill()


def test_ctrl_c_at_the_starter_s_terminal_does_not_reach_them(house):
    user, started = a_user(house)
    services.start(house.env)

    os.killpg(user.pid, signal.SIGINT)
    user.wait()

    assert list(pids(house).values()) == started
    assert not any(is_gone(pid) for pid in started)


def test_a_killed_postgres_comes_back_with_all_that_was_committed(house):
    services.start(house.env)
    sql(house, "create table kept (n int)")
    sql(house, "insert into kept select generate_series(1, 1000)")
    killed = pids(house)["postgres"]

    os.kill(killed, signal.SIGKILL)

    eventually(lambda: pids(house)["postgres"] not in (killed, None), 20)
    assert sql(house, "select count(*) from kept") == [(1000,)]
    assert services.states(house.env)["postgres"].last_end == "signal SIGKILL"


def test_a_killed_valkey_comes_back_with_its_messages(house):
    services.start(house.env)
    cache(house).lpush("queue", *range(100))
    killed = pids(house)["valkey"]

    os.kill(killed, signal.SIGKILL)

    eventually(lambda: pids(house)["valkey"] not in (killed, None))
    assert cache(house).llen("queue") == 100


def test_a_valkey_file_whose_last_write_was_cut_short_is_loaded(house):
    services.start(house.env)
    for number in range(10):
        cache(house).set(f"key{number}", "x" * 1000)
    services.leave(house.env)
    (incremental,) = (house.data / "valkey" / "appendonlydir").glob("*.incr.aof")
    os.truncate(incremental, incremental.stat().st_size - 500)

    services.start(house.env)

    assert cache(house).exists("key8")
    assert not cache(house).exists("key9")


def test_killed_keepers_take_their_services_along_and_the_next_user_starts_anew(house):
    services.start(house.env)
    sql(house, "create table kept (n int)")
    before = pids(house)

    for keeper in (house.data / "run").glob("*.keeper"):
        os.kill(int(keeper.read_text()), signal.SIGKILL)
    eventually(lambda: not any(pids(house).values()))
    services.start(house.env)

    assert not set(pids(house).values()) & {*before.values(), None}
    assert sql(house, "select count(*) from kept") == [(0,)]


def test_everything_killed_at_once_starts_again(house):
    services.start(house.env)
    sql(house, "create table kept (n int)")

    for process in house.processes():
        process.kill()
    eventually(lambda: not any(pids(house).values()))
    services.start(house.env)

    assert sql(house, "select count(*) from kept") == [(0,)]
    assert cache(house).ping()


def test_a_pid_file_that_names_somebody_else_is_no_hindrance(house):
    services.start(house.env)
    services.leave(house.env)
    pid_file = house.data / "postgres" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{house.data / 'postgres'}\n1\n5432\n\n\n1 1\nready   \n")

    services.start(house.env)

    assert sql(house, "select 1") == [(1,)]


def test_half_a_cluster_of_an_interrupted_start_is_made_anew(house):
    half = house.data / "postgres.new" / "base"
    half.mkdir(parents=True)

    services.start(house.env)

    assert sql(house, "select 1") == [(1,)]
    assert not half.exists()


def test_data_survives_a_restart(house):
    services.start(house.env)
    sql(house, "create table kept (n int)")
    cache(house).set("kept", "yes")
    services.leave(house.env)

    services.start(house.env)

    assert sql(house, "select count(*) from kept") == [(0,)]
    assert cache(house).get("kept") == b"yes"


def test_two_folders_do_not_know_of_each_other(house, tmp_path):
    other = House(tmp_path / "other")
    services.start(house.env)
    services.start(other.env)
    sql(house, "create table here (n int)")

    assert not set(pids(house).values()) & set(pids(other).values())
    assert sql(other, "select to_regclass('here')") == [(None,)]
    other.close()
    assert sql(house, "select to_regclass('here')") == [("here",)]


def test_a_taken_mail_port_is_named(house):
    taken = House(Path(house.variables["OFFSTAGE_DATA"]) / "other", MAIL_PORT=house.variables["MAIL_PORT"])
    services.start(house.env)

    ended = taken.run("-m", "config.services", "start")

    assert ended.returncode == 1
    assert ended.stderr.startswith("offstage: MAIL_PORT: 127.0.0.1:")
    assert len(ended.stderr.splitlines()) == 1
    taken.close()


def test_two_mail_ports_for_one_folder_are_refused(house):
    services.start(house.env)
    house.variables["MAIL_PORT"] = "1"

    with pytest.raises(ServiceFailed, match="MAIL_PORT"):
        services.start(house.env)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(ServiceFailed, match="OFFSTAGE_DATA"):
        services.start(House(tmp_path / "file").env)


def test_a_path_too_long_for_a_socket_is_served_from_a_short_folder(tmp_path):
    house = House(tmp_path / ("long" * 30))
    services.start(house.env)
    sockets = Places(house.env.data).sockets

    assert sql(house, "select 1") == [(1,)]
    assert cache(house).ping()
    assert sockets.stat().st_mode & 0o777 == 0o700
    house.close()
    assert not sockets.exists()


def test_a_short_folder_that_somebody_else_made_is_refused(tmp_path):
    house = House(tmp_path / ("long" * 30))
    sockets = Places(house.env.data).sockets
    (tmp_path / "theirs").mkdir()
    sockets.symlink_to(tmp_path / "theirs")

    with pytest.raises(ServiceFailed, match="another user"):
        services.start(house.env)
    sockets.unlink()


def test_started_by_hand_they_stay_until_stopped_by_hand(house):
    assert house.run("-m", "config.services", "start").returncode == 0
    started_at = time.monotonic()

    # Longer than the services outlive their last user.
    eventually(lambda: time.monotonic() - started_at > 3.5)
    assert house.run("-m", "config.services", "status").returncode == 0
    stopped = house.run("-m", "config.services", "stop")

    assert stopped.stdout.splitlines() == ["postgres: down", "valkey: down", "mailbox: down"]
    assert house.processes() == []
    assert house.run("-m", "config.services", "status").returncode == 1


def test_a_removed_data_folder_ends_them(house):
    services.start(house.env)

    shutil.rmtree(house.data)

    eventually(lambda: not house.processes())
    services.leave(house.env)


def test_they_run_for_users_without_rights_too():
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    house = House(folder)
    options, uid = without_rights(folder)

    user = house.start("-c", USER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)

    assert len(user.stdout.readline().split()) == 3
    assert (house.data / "postgres").stat().st_uid == uid
    assert sql(house, "select 1") == [(1,)]
    user.communicate()
    eventually(lambda: not house.processes())
    house.close()
    shutil.rmtree(folder)


def test_postgres_runs_without_root_s_rights_and_closed_folders_stay_closed(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    house = House(closed)
    services.start(house.env)
    server = psutil.Process(pids(house)["postgres"])

    assert server.uids().effective != 0
    assert closed.stat().st_mode & 0o777 == 0o700
    house.close()


def without_rights(folder: Path) -> tuple[dict[str, object], int]:
    """Return how to start a process that is not root and may write to `folder`, and its user."""
    if os.geteuid() != 0:
        return {}, os.geteuid()
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    # It keeps the right to read: this interpreter may lie in a closed folder of root's.
    identity = Identity(nobody.pw_uid, nobody.pw_gid, passes_closed_folders=True)
    return {"preexec_fn": before_exec(identity, None)}, nobody.pw_uid
