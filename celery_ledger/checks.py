"""System checks: what of a project's settings the ledger cannot work with, or works worse with."""

from typing import Any

from celery import current_app
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Caution
from django.db import connection

from celery_ledger.configuration import contradictions


@register()
def check_database(**_options: Any) -> list[CheckMessage]:
    """Report a default database that is not PostgreSQL."""
    if connection.vendor == "postgresql":
        return []
    reason = f"The ledger needs PostgreSQL; DATABASES['default'] is {connection.vendor}."
    return [Error(reason, id="celery_ledger.E001")]


@register()
def check_celery(**_options: Any) -> list[CheckMessage]:
    """Report each setting of Celery that contradicts the ledger."""
    return [
        Caution(
            f"{each.setting} = {current_app.conf.get(each.setting)!r} contradicts the ledger. {each.consequence}",
            hint=f"Leave {each.setting} out: LedgerApp sets it.",
            id="celery_ledger.W001",
        )
        for each in contradictions(current_app.conf)
    ]
