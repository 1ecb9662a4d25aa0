"""Fault points: nothing while off; armed, they strike at their name and no oftener than asked."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from celery_ledger import faultpoints
from celery_ledger.faultpoints import FaultPoint
from config.env import ROOT


@pytest.fixture
def armed(tmp_path, monkeypatch):
    struck = []
    monkeypatch.setitem(faultpoints.ACTIONS, "note", lambda: struck.append(1))
    faultpoints.arm(FaultPoint("run.ran", "note", 2, tmp_path / "faults"))
    yield struck
    faultpoints.arm(None)


def test_nothing_happens_where_nothing_is_armed():
    assert faultpoints._armed is None
    faultpoints.reach("run.ran")


def test_a_point_strikes_at_its_name_alone(armed):
    faultpoints.reach("run.claimed")
    assert armed == []

    faultpoints.reach("run.ran")

    assert armed == [1]


def test_a_point_strikes_so_often_and_leaves_a_file_each_time(armed, tmp_path):
    for _ in range(5):
        faultpoints.reach("run.ran")

    assert len(armed) == 2
    assert sorted(file.name for file in (tmp_path / "faults").iterdir()) == ["run.ran.0", "run.ran.1"]


def test_kill_ends_the_process_at_once(tmp_path):
    code = (
        "from pathlib import Path; from celery_ledger import faultpoints as f;"
        f"f.arm(f.FaultPoint('run.ran', 'kill', 1, Path({str(tmp_path)!r}))); f.reach('run.ran'); print('alive')"
    )

    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)

    assert ended.returncode == -9
    assert ended.stdout == b""


def test_every_point_stands_in_the_code_once_and_in_the_list():
    code = "".join(path.read_text() for path in Path(ROOT / "celery_ledger").rglob("*.py"))

    assert sorted(re.findall(r"faultpoints\.reach\(\"([a-z.]+)\"\)", code)) == sorted(faultpoints.POINTS)
