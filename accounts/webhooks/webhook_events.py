"""Events posted to addresses that the user has named."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from accounts import queries
from accounts.errors import ReceiverGone, TooManyWebhooks
from accounts.models import User
from accounts.webhooks import webhook_http
from accounts.webhooks.models import Webhook, WebhookEvent
from api import sealing
from celery_ledger import Permanent, enqueue

log = structlog.get_logger(__name__)


@transaction.atomic
def add(user: User, url: str, events: Collection[str]) -> tuple[Webhook, str]:
    """Post these events to `url` from now on; return the webhook, and its secret for the one time it is shown.

    Raises BadWebhook, TooManyWebhooks. Twice: two webhooks, each with its secret; so a secret is exchanged without
    a gap, by adding a second and then deleting the first.
    """
    webhook_http.check(url)
    # Of two at once the second counts the first one's row. The lock lets pass whatever only refers to the user.
    queries.user(user.pk).select_for_update(no_key=True).first()
    if queries.webhooks_of(user.pk).count() >= settings.WEBHOOKS_PER_USER:
        raise TooManyWebhooks(settings.WEBHOOKS_PER_USER)
    secret = webhook_http.new_secret()
    webhook = Webhook.objects.create(
        user=user,
        url=url,
        events=[event for event in WebhookEvent.values if event in events],
        sealed_secret=sealing.seal(secret),
    )
    log.info("webhook_added", webhook_id=str(webhook.pk), user_id=str(user.pk))
    return webhook, secret


def remove(webhook: Webhook) -> None:
    """Post nothing there any more, not even what is enqueued already. Twice: the second call finds nothing."""
    queries.webhooks_of(webhook.user_id).filter(pk=webhook.pk).delete()
    log.info("webhook_removed", webhook_id=str(webhook.pk), user_id=str(webhook.user_id))


def notify(user_id: str, event: WebhookEvent, about: dict[str, Any], now: datetime) -> None:
    """Enqueue a post to each of the user's webhooks that want the event, in the present transaction.

    `about` is what the receiver reads: plain values, for this app knows nothing of what happens in those above it.
    Apart from the family of the job that asks: what has happened is told, also where its video is deleted next.
    """
    happened_at = now.isoformat().replace("+00:00", "Z")
    for webhook in queries.webhooks_told_of(event, user_id):
        enqueue("accounts.post_webhook", str(webhook.pk), event.value, happened_at, about, apart=True)


def post(webhook_id: str, event: str, happened_at: str, about: dict[str, Any], now: datetime) -> None:
    """Post one event to its receiver; a webhook whose receiver is gone for good is deleted.

    Twice: the receiver gets the same body under the same id again, and may drop it. Nothing for a webhook that was
    deleted meanwhile.
    """
    webhook = queries.webhook(webhook_id).first()
    if webhook is None:
        log.info("webhook_not_needed", webhook_id=webhook_id)
        return
    message = {"type": event, "timestamp": happened_at, "data": about}
    try:
        webhook_http.deliver(webhook.url, _secret_of(webhook), message, now)
    except ReceiverGone:
        queries.webhooks_of(webhook.user_id).filter(pk=webhook.pk).delete()
        log.info("webhook_gone", webhook_id=webhook_id)


def _secret_of(webhook: Webhook) -> str:
    try:
        return sealing.unseal(webhook.sealed_secret)
    except sealing.Unreadable:
        raise Permanent("the webhook's secret was sealed under another SECRET_KEY") from None
