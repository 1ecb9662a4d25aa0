import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from celery_ledger.errors import Permanent, Transient
from media_pipeline.engine.atomic import building
from media_pipeline.engine.ffmpeg import Ended, _fate_of, _Meter, read_from, run_ffmpeg, write_to
from media_pipeline.engine.process import (
    Budget,
    OutOfTime,
    TooMuchWork,
    _out_of_time,
    ceilings,
    end_survivor,
    run_program,
)
from tests.eventually import eventually

ENDLESS = [*("-re", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=5"), "-f", "null", "-"]
BUDGET = Budget(seconds=30)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _noted(beside: Path) -> int:
    return int(beside.with_name(f".{beside.name}.process").read_text().split()[1])


def test_an_exception_from_progress_ends_ffmpeg_and_passes(tmp_path):
    seen = []

    def stop(share):
        seen.append(_noted(tmp_path / "out"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_ffmpeg(ENDLESS, budget=BUDGET, beside=tmp_path / "out", frames=100, on_progress=stop)

    assert not _runs(seen[0])
    assert not list(tmp_path.iterdir())


def test_a_budget_used_up_ends_the_program(tmp_path):
    with pytest.raises(OutOfTime):
        run_ffmpeg(ENDLESS, budget=Budget(seconds=1), beside=tmp_path / "out")

    assert not list(tmp_path.iterdir())


def test_a_program_that_worked_all_its_time_is_not_started_again():
    own_seconds = sum(os.times()[:2])

    assert isinstance(_out_of_time(os.getpid(), own_seconds), TooMuchWork)
    assert isinstance(_out_of_time(os.getpid(), 10 * own_seconds), OutOfTime)


def test_no_budget_goes_beyond_the_ceilings(monkeypatch):
    monkeypatch.setattr(ceilings, "memory_bytes", 10**9)
    monkeypatch.setattr(ceilings, "file_bytes", 10**6)

    limits = Budget(seconds=1, memory_bytes=10**12).as_limits()

    assert (limits["AS"], limits["FSIZE"]) == (10**9, 10**6)
    assert Budget(seconds=1, file_bytes=5).as_limits()["FSIZE"] == 5


def test_a_decoder_refuses_a_picture_larger_than_allowed(tmp_path, film_path):
    with pytest.raises(Permanent):
        run_ffmpeg(
            [*read_from(film_path("one_frame.mp4"), pixels=320 * 180 // 2), "-f", "null", "-"],
            budget=BUDGET,
            beside=tmp_path / "out",
        )


WORKER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from media_pipeline.engine.ffmpeg import run_ffmpeg
from media_pipeline.engine.process import Budget
run_ffmpeg(sys.argv[3:], budget=Budget(seconds=60), beside=Path(sys.argv[2]))
"""


def _worker(beside: Path) -> "subprocess.Popen[bytes]":
    root = Path(__file__).parents[4]
    return subprocess.Popen([sys.executable, "-c", WORKER, str(root), str(beside), *ENDLESS])


@pytest.mark.skipif(sys.platform != "linux", reason="the signal of a dead parent is Linux's")
def test_a_killed_worker_leaves_no_ffmpeg_behind(tmp_path):
    beside = tmp_path / "out"
    with _worker(beside) as worker:
        eventually(lambda: beside.with_name(".out.process").exists(), within_seconds=20)
        eventually(lambda: beside.with_name(".out.process").read_text().count(" ") == 2, within_seconds=5)
        pid = _noted(beside)

        worker.kill()

        eventually(lambda: not _runs(pid), within_seconds=2)


def test_the_next_attempt_ends_a_program_that_outlived_its_worker(tmp_path):
    beside = tmp_path / "out"
    with _worker(beside) as worker:
        eventually(lambda: beside.with_name(".out.process").exists(), within_seconds=20)
        eventually(lambda: beside.with_name(".out.process").read_text().count(" ") == 2, within_seconds=5)
        pid = _noted(beside)
        os.kill(worker.pid, signal.SIGSTOP)
        try:
            end_survivor(beside)

            eventually(lambda: not _runs(pid), within_seconds=2)
        finally:
            worker.kill()


def test_another_process_with_a_used_number_is_left_alone(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    ) as other:
        (tmp_path / ".out.process").write_text(f"{os.uname().nodename} {other.pid} 1")

        end_survivor(tmp_path / "out")

        assert other.poll() is None
        other.kill()


def test_much_output_on_both_pipes_does_not_hang(tmp_path):
    loud = "import sys\nfor _ in range(3000): print('x' * 100); print('y' * 100, file=sys.stderr)"

    ended = run_program(
        [sys.executable, "-c", loud], budget=BUDGET, beside=tmp_path / "out", keep_output=True
    )

    assert (ended.code, len(ended.output)) == (0, 3000 * 101)


def test_limits_hold_in_the_program(tmp_path):
    ask = "import resource, os, json; print(json.dumps([resource.getrlimit(resource.RLIMIT_AS)[0], os.nice(0)]))"
    before = os.nice(0)

    ended = run_program(
        [sys.executable, "-c", ask],
        budget=Budget(seconds=10, memory_bytes=2**30),
        beside=tmp_path / "out",
        keep_output=True,
    )

    assert json.loads(ended.output) == [2**30, min(19, before + 5)]


def test_a_file_over_its_limit_is_refused_for_good(tmp_path):
    source = ["-f", "lavfi", "-i", "testsrc2=s=640x360:d=5", "-c:v", "rawvideo", "-f", "nut"]
    budget = Budget(seconds=30, file_bytes=100_000)

    with pytest.raises(Permanent, match="larger than a job may write"):
        run_ffmpeg([*source, write_to(tmp_path / "x.nut")], budget=budget, beside=tmp_path / "out")


FATES = [
    (69, Permanent, "broken"),
    (228, Transient, "no space"),
    (251, Transient, "disk"),
    (244, Permanent, "memory"),
    (245, Permanent, "memory"),
    (-9, Transient, "killed"),
    (-24, Permanent, "processor time"),
    (-25, Permanent, "larger"),
    (1, Permanent, "could not be converted"),
]


@pytest.mark.parametrize(("code", "fate", "words"), FATES)
def test_each_way_to_end_has_its_fate(code, fate, words):
    error = _fate_of(Ended(code, b"", "last words"))

    assert type(error) is fate
    assert words in str(error)
    assert "last words" not in str(error)


def test_progress_never_falls_and_never_passes_one():
    meter = _Meter(frames=100, seconds=0)
    shares = []

    for text in (b"frame=10\nfps=5\nfra", b"me=50\n", b"frame=40\n", b"frame=N/A\n", b"frame=300\n"):
        meter.read(text)
        shares.append(meter.share)

    assert shares == [0.1, 0.5, 0.5, 0.5, 1.0]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    def fail() -> None:
        with building(tmp_path / "made") as folder:
            (folder / "half").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert not list(tmp_path.iterdir())


def test_the_attempt_that_comes_second_leaves_the_first_ones_work(tmp_path):
    with building(tmp_path / "made") as slow:
        (slow / "who").write_text("slow")
        with building(tmp_path / "made") as quick:
            (quick / "who").write_text("quick")

    assert (tmp_path / "made" / "who").read_text() == "quick"
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
