"""The run: which faults on which brokers, one after the other, each line as soon as it is known."""

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.chaos import table
from tests.chaos.brokers import is_there
from tests.chaos.faults import ALL
from tests.chaos.play import BROKERS, Fault, Result, play
from tests.chaos.scene import Scene

#: The short form asks for less: it is there to notice, the table is there to measure.
SHORT_SCALE = 0.5


def run(wanted: argparse.Namespace, folder: Path) -> int:
    """Play, print, clear away; 1 where a row is broken."""
    scene, results = Scene(folder), []
    _say(f"seed {wanted.seed}, logs in {scene.logs}\n\n{table.header()}")
    try:
        scene.open()
        for result in _results(scene, wanted):
            results.append(result)
            _say(table.line(result))
            for breach in result.verdict.breaches[:12]:
                _complain(breach)
    finally:
        scene.close()
        is_good = bool(results) and all(result.is_good for result in results)
        if is_good and not wanted.keep:
            shutil.rmtree(folder)
    _say(f"\n{table.digest(results)}\n\n{table.summary(results)}")
    return 0 if is_good else 1


def _results(scene: Scene, wanted: argparse.Namespace) -> Iterator[Result]:
    for broker in wanted.broker or BROKERS:
        if not is_there(broker):
            _complain(f"{broker} is not installed here: its rows are left out")
            continue
        rows = [fault for fault in ALL if _is_wanted(fault, broker, wanted)]
        if rows:
            scene.enter(broker)
        for fault in rows:
            if lack := fault.lacks():
                _complain(f"{fault.name}: left out, {lack}")
                continue
            result = play(scene, fault, wanted.seed, SHORT_SCALE if wanted.short else 1.0)
            yield result
            if not result.is_good:
                # What is broken here must not break the rows after it.
                scene.enter(broker)


def _is_wanted(fault: Fault, broker: str, wanted: argparse.Namespace) -> bool:
    brokers = fault.short if wanted.short else fault.brokers
    words = f"{fault.name} ({fault.instant})"
    return broker in brokers and (not wanted.fault or any(word in words for word in wanted.fault))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _complain(text: str) -> None:
    sys.stderr.write(f"    {text}\n")
    sys.stderr.flush()
