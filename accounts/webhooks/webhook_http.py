"""Gateway to the receivers of webhooks: posts and signs as Standard Webhooks says (www.standardwebhooks.com).

A receiver finds a library for it in most languages, and needs none: three headers and one HMAC.
"""

import base64
import hmac
import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import structlog
from django.conf import settings

from accounts.errors import BadWebhook, ReceiverGone
from accounts.outbound import public_http
from celery_ledger import Permanent, Transient, current_job

log = structlog.get_logger(__name__)

SECRET_PREFIX = "whsec_"  # noqa: S105 - how a secret begins, not one
SECRET_BYTES = 32
"""Between the 24 and 64 that the specification asks for; as long as what SHA-256 puts out."""
ASKS_TO_WAIT = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


def check(url: str) -> None:
    """Raise BadWebhook where nothing could, or may, be posted there. Speaks to nobody."""
    try:
        public_http.refuse_private(url, settings.WEBHOOK_PRIVATE_ORIGINS)
    except (public_http.PrivateAddress, ValueError):
        raise BadWebhook from None


def new_secret() -> str:
    """Return a secret in the form that the receivers' libraries take."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def deliver(url: str, secret: str, event: Mapping[str, Any], now: datetime) -> None:
    """Post the event, signed with the secret, and take any answer of 2xx for its receipt.

    Raises ReceiverGone, Transient, Permanent. Twice: the same body under the same id, which is the job's, so the
    receiver can tell; time and signature are the attempt's, for an old time is taken for a replay.
    """
    body = json.dumps(event).encode()
    headers = _headers(secret, body, now)
    session = public_http.session(settings.WEBHOOK_PRIVATE_ORIGINS, answer_bytes=0)
    with session, public_http.fates("webhook's"):
        answer = session.post(url, data=body, headers=headers, timeout=settings.WEBHOOK_ANSWER_SECONDS)
    _judge(answer.status_code, public_http.asked_seconds(answer.headers.get("Retry-After")))
    log.info("webhook_posted", status=answer.status_code)


def _headers(secret: str, body: bytes, now: datetime) -> dict[str, str]:
    job = current_job()
    message_id = job.id if job else str(uuid4())
    seconds = str(int(now.timestamp()))
    return {
        "Content-Type": "application/json",
        "User-Agent": "Offstage",
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{_signature(secret, f'{message_id}.{seconds}.'.encode() + body)}",
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def _judge(status: int, wait_seconds: float | None) -> None:
    """Raise the fate that the status means; nothing else of an answer is of interest."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if status == HTTPStatus.GONE:
        raise ReceiverGone
    if status in ASKS_TO_WAIT:
        raise Transient(f"the receiver asks us to wait ({status})", retry_after=wait_seconds)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Transient(f"the receiver failed ({status})", retry_after=wait_seconds)
    raise Permanent(f"the receiver refused the event ({status})")
