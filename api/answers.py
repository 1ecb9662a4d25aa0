"""Errors as answers: one shape for refusals, validation, lost database and unknown paths."""

import math
import sys
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.serializers import as_serializer_error
from rest_framework.views import exception_handler as drf_exception_handler

from api import security_log
from api.errors import RETRY_AFTER_SECONDS, Refused

log = structlog.get_logger(__name__)

DATABASE_GONE = (OperationalError, InterfaceError)
TITLES = {
    400: "Bad request",
    403: "Forbidden",
    404: "Not found",
    500: "Something broke",
    503: "Back in a moment",
}
REASONS = {
    400: "The request could not be read.",
    403: "You may not do that.",
    404: "Not found.",
    500: "Something broke on our side. The request id finds it in our log.",
    503: "The database is not reachable. Please try again in a moment.",
}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the answer to `error` of a REST framework view, None where it is a bug."""
    response = _response_to(error, context)
    if response is not None:
        security_log.refused(error, response.status_code)
    return response


def _response_to(error: Exception, context: dict[str, Any]) -> Response | None:
    if isinstance(error, DjangoValidationError):
        error = exceptions.ValidationError(as_serializer_error(error))
    if isinstance(error, exceptions.ValidationError):
        return Response(flat(error.detail), status=error.status_code)
    if isinstance(error, (Refused, *DATABASE_GONE)):
        status, body, headers = _facts(error)
        return Response(body, status=status, headers=headers)
    return drf_exception_handler(error, context)


def refusal(error: Exception) -> JsonResponse | None:
    """Return the JSON answer to `error` of a plain Django view, None where it is a bug."""
    return json_of(error) if isinstance(error, (Refused, *DATABASE_GONE)) else None


def json_of(error: Exception) -> JsonResponse:
    """Return the JSON answer to a refusal or a lost database."""
    status, body, headers = _facts(error)
    security_log.refused(error, status)
    return JsonResponse(body, status=status, headers=headers)


def _facts(error: Exception) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Return status, body and headers."""
    if not isinstance(error, Refused):
        log.warning("database_unreachable", error=type(error).__name__)
        return 503, {"detail": REASONS[503]}, {"Retry-After": str(RETRY_AFTER_SECONDS)}
    retry_after = getattr(error, "retry_after", None)
    headers = {} if retry_after is None else {"Retry-After": str(math.ceil(retry_after))}
    body = {error.field: [error.detail]} if error.field else {"detail": error.detail}
    return error.status, body, headers


def flat(detail: Any) -> dict[str, Any]:
    """Return the REST framework's validation errors as `{"field": ["why"]}` or `{"detail": "why"}`.

    A field inside a field becomes `outer.inner`; what belongs to no field becomes the detail.
    """
    if not isinstance(detail, dict):
        return {"detail": " ".join(_sentences(detail))}
    fields = dict(_pairs(detail, ""))
    unbound = fields.pop("non_field_errors", None)
    if unbound is not None:
        return {"detail": " ".join(unbound), **fields}
    return fields


def _pairs(detail: dict[str, Any], prefix: str) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for name, inner in detail.items():
        if name == "non_field_errors" and prefix:
            found.append((prefix.rstrip("."), _sentences(inner)))
        elif isinstance(inner, dict) and not _is_list(inner):
            found += _pairs(inner, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", _sentences(inner)))
    return found


def _is_list(detail: dict[Any, Any]) -> bool:
    """Say whether the errors are those of a list's items, which REST framework numbers."""
    return all(isinstance(key, int) for key in detail)


def _sentences(detail: Any) -> list[str]:
    if isinstance(detail, dict):
        return [sentence for inner in detail.values() for sentence in _sentences(inner)]
    if isinstance(detail, list | tuple):
        return [sentence for inner in detail for sentence in _sentences(inner)]
    # A reason may repeat what was sent, and half a surrogate pair cannot be sent back.
    return [str(detail).encode(errors="backslashreplace").decode()]


def handler400(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    """Answer a request that Django refuses to read."""
    return answer(request, 400)


def handler403(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    """Answer a request that is not allowed."""
    return answer(request, 403)


def handler404(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    """Answer a path that nothing stands at."""
    return answer(request, 404)


def handler500(request: HttpRequest) -> HttpResponseBase:
    """Answer a bug; a database that went away between two middlewares is none."""
    # Django calls this from inside its except clause, and asgiref carries the clause's error into the thread.
    lost = isinstance(sys.exception(), DATABASE_GONE)
    return answer(request, 503 if lost else 500)


def answer(request: HttpRequest, status: int) -> HttpResponseBase:
    """Return an error for `status`: JSON under /api, a page elsewhere."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    if wants_json(request):
        return JsonResponse({"detail": REASONS[status]}, status=status, headers=headers)
    context = {"title": TITLES[status], "reason": REASONS[status], "status": status}
    # Without the request: context processors would ask for session and user, and so for the database that is gone.
    page: HttpResponse = render(None, "error.html", context, status=status)
    for name, value in headers.items():
        page.headers[name] = value
    return page


def wants_json(request: HttpRequest) -> bool:
    """Say whether the answer to `request` is read by a program."""
    return request.path.startswith(("/api/", "/healthz", "/readyz")) or request.path == "/api"
