"""The table of faults by kind, as it stands in docs/faults.md."""

import sys
from collections.abc import Iterable
from statistics import median

from tests.chaos.play import Result

HEAD = "| fault | when | broker | asked for | done | lost | doubled | recovered: median, worst (s) | |"


def header() -> str:
    return f"{HEAD}\n|{' --- |' * 9}"


def line(result: Result) -> str:
    verdict = result.verdict
    recovery = f"{median(verdict.seconds):.1f}, {max(verdict.seconds):.1f}" if verdict.seconds else "at once"
    cells = (
        result.fault.name,
        result.fault.instant,
        result.broker,
        verdict.asked,
        verdict.done,
        verdict.lost,
        verdict.doubled,
        recovery,
        "" if result.is_good else "**broken**",
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def digest(results: Iterable[Result]) -> str:
    """Return the short table: a row for each kind of fault, a column for each broker."""
    results = list(results)
    brokers = list(dict.fromkeys(result.broker for result in results))
    lines = [f"| kind of fault | {' | '.join(brokers)} |", f"|{' --- |' * (len(brokers) + 1)}"]
    for kind in dict.fromkeys(_kind(result) for result in results):
        cells = [_cell([r for r in results if (_kind(r), r.broker) == (kind, broker)]) for broker in brokers]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _kind(result: Result) -> str:
    """Return what the file of the fault says that it holds."""
    return str(sys.modules[result.fault.strike.__module__].__doc__).strip().rstrip(".")


def _cell(results: list[Result]) -> str:
    """Return done of asked for, lost, doubled; of its faults' recoveries the middle median, and the worst."""
    if not results:
        return ""
    asked, done, lost, doubled = _sums(results, "asked", "done", "lost", "doubled")
    recoveries = [result.verdict.seconds or [0.0] for result in results]
    middle, worst = median(map(median, recoveries)), max(map(max, recoveries))
    said = f"{done} of {asked}, {lost}, {doubled}; {middle:.1f} s, {worst:.1f} s"
    broken = sum(not result.is_good for result in results)
    return f"{said}, **{broken} broken**" if broken else said


def _sums(results: Iterable[Result], *words: str) -> tuple[int, ...]:
    return tuple(sum(getattr(result.verdict, word) for result in results) for word in words)


def summary(results: Iterable[Result]) -> str:
    results = list(results)
    asked, lost, doubled = _sums(results, "asked", "lost", "doubled")
    broken = sum(not result.is_good for result in results)
    return f"{len(results)} faults, {asked} effects asked for, {lost} lost, {doubled} doubled; {broken} rows broken"
