"""Gateway to the browsers' push services (RFC 8030, 8291, 8292)."""

import base64
import binascii
import json
from email.utils import parseaddr
from http import HTTPStatus

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from py_vapid import Vapid
from pywebpush import WebPushException, webpush

from accounts.errors import BadSubscription, SubscriptionGone
from accounts.outbound import public_http
from accounts.push.models import PushSubscription
from celery_ledger import Permanent, Transient, current_job

log = structlog.get_logger(__name__)

ANSWER_SECONDS = 10
KEPT_SECONDS = 24 * 60 * 60
"""How long the push service keeps a message for a browser that is off."""
DEFAULT_WAIT_SECONDS = 60
AUTH_BYTES = 16
"""Length of the shared secret, RFC 8291, section 3.2."""


def check(endpoint: str, p256dh: str, auth: str) -> None:
    """Raise BadSubscription where no message could, or may, be sent there. Speaks to nobody."""
    try:
        public_http.refuse_private(endpoint, settings.PUSH_PRIVATE_ORIGINS)
    except (public_http.PrivateAddress, ValueError):
        raise BadSubscription("Enter a public https:// URL.", field="endpoint") from None
    try:
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), _decode(p256dh))
    except (ValueError, UnsupportedAlgorithm):
        raise BadSubscription("Not a public key of the curve P-256.", field="keys.p256dh") from None
    try:
        is_secret = len(_decode(auth)) == AUTH_BYTES
    except ValueError:
        is_secret = False
    if not is_secret:
        raise BadSubscription("Not a secret of 16 bytes.", field="keys.auth")


def deliver(subscription: PushSubscription, message: dict[str, str]) -> None:
    """Hand the message to the browser's push service.

    Raises SubscriptionGone, Transient, Permanent. Twice: the push service replaces the first copy while it
    waits for the browser, for both bear the job's id as their topic.
    """
    try:
        with public_http.fates("push"), public_http.session(settings.PUSH_PRIVATE_ORIGINS) as session:
            webpush(
                {
                    "endpoint": subscription.endpoint,
                    "keys": {"p256dh": subscription.p256dh, "auth": subscription.auth},
                },
                json.dumps(message),
                vapid_private_key=_key(),
                vapid_claims={"sub": f"mailto:{parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}"},
                ttl=KEPT_SECONDS,
                headers=_topic(),
                timeout=ANSWER_SECONDS,
                requests_session=session,
            )
    except WebPushException as error:
        raise _fate(error) from error
    log.info("push_sent", subscription_id=subscription.pk)


def public_key() -> str:
    """Return the VAPID public key as a browser's `applicationServerKey` takes it."""
    point = _key().public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


def _key() -> Vapid:
    return Vapid.from_pem(settings.VAPID_PRIVATE_KEY.encode())


def _topic() -> dict[str, str | int | float]:
    job = current_job()
    # At most 32 characters of base64url, RFC 8030, section 5.4: a UUID without its hyphens fits exactly.
    return {"Topic": job.id.replace("-", "")} if job else {}


def _fate(error: WebPushException) -> Exception:
    status = error.status_code
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return SubscriptionGone()
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Transient("the push service asks us to wait", retry_after=_wait_seconds(error.retry_after))
    if status is not None and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Transient(
            f"the push service failed ({status})", retry_after=public_http.asked_seconds(error.retry_after)
        )
    return Permanent(f"the push service refused the message ({status})")


def _wait_seconds(retry_after: str | None) -> float:
    asked = public_http.asked_seconds(retry_after)
    return DEFAULT_WAIT_SECONDS if asked is None else asked


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("no base64url") from error
