"""System checks of the settings that name functions of other apps."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from accounts import extensions
from accounts.account_deletion.models import StepName

ERASED_ELSEWHERE = {StepName.FILES.value, StepName.ASSETS.value}


@register
def check_extensions(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Report every eraser that is missing and every name that leads nowhere."""
    erasers: dict[str, str] = settings.ACCOUNT_ERASERS
    found: list[CheckMessage] = []
    if set(erasers) != ERASED_ELSEWHERE:
        words = "ACCOUNT_ERASERS must name an eraser for each of: " + ", ".join(sorted(ERASED_ELSEWHERE))
        found.append(Error(words, id="accounts.E001"))
    found += _unloadable("ACCOUNT_ERASERS", erasers.values())
    found += _unloadable("ACCOUNT_EXPORTERS", settings.ACCOUNT_EXPORTERS)
    return found


def _unloadable(setting: str, paths: Iterable[str]) -> Iterable[CheckMessage]:
    for path in paths:
        try:
            extensions.load(path)
        except (ImportError, ValueError) as error:
            yield Error(f"{setting} names {path!r}: {error}", id="accounts.E002")
