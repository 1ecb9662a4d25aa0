"""Responses about work that has begun and takes a while."""

from typing import Any

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.account_deletion.models import Deletion
from accounts.exports.models import Export


def started(request: Request, name: str, begun: Deletion | Export) -> Response:
    """Answer 202: the work has begun, and here one may ask about it."""
    status_url = reverse(name, kwargs={"id": begun.pk}, request=request)
    body = {"id": str(begun.pk), "status_url": status_url}
    return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": status_url})


def status_of(body: Any, *, is_final: bool) -> Response:
    """Answer with a status that a client asks for again until it is final; no cache keeps it."""
    headers = {"Cache-Control": "no-store"} if is_final else {"Cache-Control": "no-store", "Retry-After": "1"}
    return Response(body, headers=headers)
