"""The metrics of the web processes, read from the files in which they keep them."""

from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from config import web_metrics


def registry(data: Path) -> CollectorRegistry:
    """Return the registry of all web processes that live."""
    made = CollectorRegistry()
    made.register(WebProcesses(data))
    return made


class WebProcesses(Collector):
    """Every process's series with its name as the label `process`.

    Summed up, they would fall when one of several processes ends, which Prometheus takes for a restart of all.
    """

    def __init__(self, data: Path) -> None:
        self._data = data

    def describe(self) -> Iterator[Metric]:
        """Return nothing: what there is, is known when it is read."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield one family for each name."""
        families: dict[str, Metric] = {}
        for folder in web_metrics.folders(self._data):
            _add(families, folder)
        yield from families.values()


def _add(families: dict[str, Metric], folder: Path) -> None:
    files = [str(path) for path in folder.glob("*.db")]
    merged: list[Metric] = MultiProcessCollector.merge(files, accumulate=True)  # type: ignore[no-untyped-call]  # untyped
    for metric in merged:
        family = families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
        for sample in metric.samples:
            labels = {name: value for name, value in sample.labels.items() if name != "pid"}
            family.samples.append(sample._replace(labels={**labels, "process": folder.name}))
