"""What every page knows."""

from typing import Any

from django.http import HttpRequest

from web.locality import has_mailbox


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Say whether the navigation leads to the mailbox."""
    return {"has_mailbox": has_mailbox(request)}
