"""What the answer is written in."""

from collections.abc import Iterable
from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class Lenient(DefaultContentNegotiation):
    """Answers in the view's own form where a client asks for one that it does not have.

    A browser that follows a link, or `Accept: application/zip` for a download, gets its answer and not 406, which
    RFC 9110, section 12.4.1 leaves to the server; errors are JSON for everybody.
    """

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the renderer that the client prefers, or the first one."""
        offered = list(renderers)
        try:
            chosen: tuple[BaseRenderer, str] = super().select_renderer(request, offered, format_suffix)
        except NotAcceptable:
            return offered[0], offered[0].media_type
        return chosen

    def filter_renderers(self, renderers: Iterable[BaseRenderer], format: str) -> list[Any]:  # noqa: A002 - REST framework's word
        """Return the renderers of `?format=`, all of them where it names none."""
        offered = list(renderers)
        return [renderer for renderer in offered if renderer.format == format] or offered
