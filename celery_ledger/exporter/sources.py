"""Whether each thing that the exporter learns from answers."""

import threading
from collections.abc import Iterable

import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

log = structlog.get_logger(__name__)


class Sources(Collector):
    """The sources by name: events, queues, workers, ledger. One that has not answered yet is down."""

    def __init__(self, names: Iterable[str]) -> None:
        self._up = dict.fromkeys(names, False)
        self._lock = threading.Lock()

    def up(self, name: str) -> None:
        """Note that the source answers."""
        self._note(name, answers=True)

    def down(self, name: str, reason: object) -> None:
        """Note that the source does not answer; said once in the log, and again when it is back."""
        if self._note(name, answers=False):
            log.warning("source_lost", source=name, reason=str(reason) or type(reason).__name__)

    def states(self) -> dict[str, bool]:
        """Return each source and whether it answers."""
        with self._lock:
            return dict(self._up)

    def collect(self) -> Iterable[Metric]:
        """Yield offstage_exporter_up."""
        gauge = GaugeMetricFamily(
            "offstage_exporter_up",
            "1 while the source answers; where 0, its last known figures are shown.",
            labels=["source"],
        )
        for name, answers in self.states().items():
            gauge.add_metric([name], float(answers))
        yield gauge

    def _note(self, name: str, *, answers: bool) -> bool:
        with self._lock:
            changed = self._up[name] != answers
            self._up[name] = answers
        if changed and answers:
            log.info("source_found", source=name)
        return changed
