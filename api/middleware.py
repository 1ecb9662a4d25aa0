"""One id for each request: on its answer, on every log line, on the jobs that it asks for."""

import time
from collections.abc import Awaitable, Callable
from typing import ClassVar

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from structlog.contextvars import bind_contextvars, clear_contextvars

from api import answers, security_log
from api.connections import give_back
from api.request_id import HEADER, sane_request_id

log = structlog.get_logger(__name__)

type_of_answer = HttpResponseBase | Awaitable[HttpResponseBase]


class RequestContext:
    """Binds `request_id`, echoes it, writes one `request_finished` line, and answers refusals of plain views.

    To stand first: what an inner middleware refuses must bear the id as well.
    """

    sync_capable: ClassVar[bool] = True
    async_capable: ClassVar[bool] = True

    def __init__(self, get_response: Callable[[HttpRequest], type_of_answer]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> type_of_answer:
        """Answer the request, synchronously or not as the server is."""
        if self.is_async:
            return self._answer_async(request)
        started = self._begin(request)
        return self._finish(request, self.get_response(request), started)  # type: ignore[arg-type]  # sync here

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        started = self._begin(request)
        answer: HttpResponseBase = await self.get_response(request)  # type: ignore[misc]  # async here
        if answer.streaming:
            await give_back()
        return self._finish(request, answer, started)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        """Answer a refusal or a lost database; REST framework views have answered theirs before."""
        if answers.wants_json(request) or not isinstance(error, answers.DATABASE_GONE):
            return answers.refusal(error)
        return answers.answer(request, 503)

    def _begin(self, request: HttpRequest) -> float:
        clear_contextvars()
        request_id = sane_request_id(request.headers.get(HEADER))
        request.request_id = request_id  # type: ignore[attr-defined]  # ours
        bind_contextvars(request_id=request_id)
        security_log.bind_client(request)
        return time.monotonic()

    def _finish(self, request: HttpRequest, answer: HttpResponseBase, started: float) -> HttpResponseBase:
        request_id: str = request.request_id  # type: ignore[attr-defined]  # set in _begin
        answer.headers[HEADER] = request_id
        log.info(
            "request_finished",
            request_id=request_id,
            method=request.method,
            path=shown_path(request),
            status=answer.status_code,
            ms=round((time.monotonic() - started) * 1000, 1),
            **security_log.user_of(request),
        )
        return answer


# Routes whose id lets anybody in who knows it.
SECRET_IDS = frozenset(("deletion", "leaving"))


def shown_path(request: HttpRequest) -> str:
    """Return the path without its query, and without a token or a secret id in it."""
    match = request.resolver_match
    if match is None:
        return request.path
    path = request.path
    if token := match.kwargs.get("token"):
        path = path.replace(token, "<token>")
    if match.url_name in SECRET_IDS:
        path = path.replace(match.kwargs["id"], "<id>")
    return path
