"""The table, as it stands in the README."""

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


def summary(results: Iterable[Result]) -> str:
    results = list(results)
    asked, lost, doubled = (
        sum(getattr(result.verdict, word) for result in results) for word in ("asked", "lost", "doubled")
    )
    broken = sum(not result.is_good for result in results)
    return f"{len(results)} faults, {asked} effects asked for, {lost} lost, {doubled} doubled; {broken} rows broken"
