"""The times that a caller has asked for, as a body reads them: `request.eta` and `request.expires`.

They travel under names of the ledger's own. A worker that read `eta` or `expires` in a message would hold the message,
or drop it, by its own clock; when a job begins is decided by its row.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

_ETA, _EXPIRES = "asked_eta", "asked_expires"


def headers(
    *, run_at: str | None, delay_seconds: float | None, expires_at: str | None, expires_seconds: float | None
) -> dict[str, str]:
    """Return the headers of a job that was asked for with these times; none where it has none."""
    asked = {_ETA: run_at or _from_now(delay_seconds), _EXPIRES: expires_at or _from_now(expires_seconds)}
    return {name: moment for name, moment in asked.items() if moment is not None}


def of_request(headers: Mapping[str, Any]) -> dict[str, str | None]:
    """Return `eta` and `expires` of the request of a delivered job."""
    return {"eta": headers.get(_ETA), "expires": headers.get(_EXPIRES)}


def _from_now(seconds: float | None) -> str | None:
    return None if seconds is None else (timezone.now() + timedelta(seconds=seconds)).isoformat()
