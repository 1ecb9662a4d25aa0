"""The fault table's short form: a few faults on each broker that is there. `make chaos` plays all of them."""

import subprocess
import sys

import pytest

from config.env import ROOT


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(400)
def test_nothing_is_lost_and_nothing_happens_twice():
    played = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--short"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    print(played.stdout, played.stderr)  # noqa: T201 - the table, where the test failed
    assert played.returncode == 0
    assert " 0 lost, 0 doubled; 0 rows broken" in played.stdout
