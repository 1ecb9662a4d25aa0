"""What a job's row has no column for: kept among the headers of the job, by which it is known for a Django task."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

HEADER = "django_task"


@dataclass(frozen=True)
class Mark:
    """How a task was enqueued. Times are aware or naive as Django's `USE_TZ` says."""

    backend: str
    priority: int
    enqueued_at: datetime
    run_after: datetime | None

    def as_json(self) -> dict[str, Any]:
        """Return the mark as a header."""
        return {
            "backend": self.backend,
            "priority": self.priority,
            "enqueued_at": self.enqueued_at.isoformat(),
            "run_after": self.run_after and self.run_after.isoformat(),
        }

    @classmethod
    def of(cls, headers: Mapping[str, Any]) -> "Mark | None":
        """Return the mark among the headers of a job, None of a job that is no Django task."""
        stored = headers.get(HEADER)
        if stored is None:
            return None
        run_after = stored.get("run_after")
        return cls(
            backend=stored["backend"],
            priority=stored["priority"],
            enqueued_at=datetime.fromisoformat(stored["enqueued_at"]),
            run_after=run_after and datetime.fromisoformat(run_after),
        )
