"""Flower, which does not look at the Host header: with it any page of the web could run tasks here (DNS rebinding)."""

from typing import Any

from django.conf import settings

from celery_ledger.exporter import hosts


def check_hosts() -> None:
    """Have every page and call of Flower refuse a foreign Host. Twice: nothing more happens."""
    # Only the process that runs Flower needs it.
    from flower.api import BaseApiHandler  # noqa: PLC0415
    from flower.views import BaseHandler  # noqa: PLC0415
    from tornado.web import RequestHandler  # noqa: PLC0415

    for handler in (RequestHandler, BaseHandler, BaseApiHandler):
        prepare = handler.__dict__.get("prepare")
        if prepare is not None and not hasattr(prepare, "checks_hosts"):
            setattr(handler, "prepare", _checked(prepare))  # noqa: B010 (a method of another's class)


def _checked(prepare: Any) -> Any:
    from tornado.web import HTTPError  # noqa: PLC0415

    def checked(handler: Any) -> Any:
        if not hosts.is_allowed(handler.request.host, settings.ALLOWED_HOSTS):
            raise HTTPError(421, "host %s is not allowed", handler.request.host)
        return prepare(handler)

    checked.checks_hosts = True  # type: ignore[attr-defined]  # a mark
    return checked
