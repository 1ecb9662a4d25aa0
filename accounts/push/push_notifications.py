"""Notifications in the user's browsers."""

import structlog
from django.db import transaction

from accounts import queries
from accounts.errors import SubscriptionGone
from accounts.models import User
from accounts.push import web_push
from accounts.push.models import PushSubscription
from celery_ledger import enqueue

log = structlog.get_logger(__name__)

MAX_BROWSERS = 20


@transaction.atomic
def subscribe(user: User, endpoint: str, p256dh: str, auth: str) -> PushSubscription:
    """Remember the browser; the oldest of more than twenty is forgotten.

    A browser that another user subscribed is taken over: who uses it now must not see the other's messages.
    Raises BadSubscription. Twice: the same row.
    """
    web_push.check(endpoint, p256dh, auth)
    queries.lock_user(user.pk)  # of two at once the second counts the first one's browser
    subscription, _ = PushSubscription.objects.update_or_create(
        endpoint=endpoint, defaults={"user": user, "p256dh": p256dh, "auth": auth}
    )
    surplus = queries.push_subscriptions_of(user.pk).exclude(pk=subscription.pk)[MAX_BROWSERS - 1 :]
    PushSubscription.objects.filter(pk__in=[row.pk for row in surplus]).delete()
    return subscription


def unsubscribe(user: User, endpoint: str) -> None:
    """Forget the browser. Twice: the second call finds nothing."""
    queries.push_subscriptions_of(user.pk).filter(endpoint=endpoint).delete()


def notify(user_id: str, title: str, body: str, path: str) -> None:
    """Enqueue a notification for each of the user's browsers; a click on it opens `path`."""
    for subscription in queries.push_subscriptions_of(user_id)[:MAX_BROWSERS]:
        enqueue("accounts.send_push", subscription.pk, title, body, path)


def send(subscription_id: int, title: str, body: str, path: str) -> None:
    """Show the notification in one browser; one that withdrew its subscription is forgotten.

    Twice: the push service replaces a copy that still waits; one that was shown already is shown again, in
    the place of the first (the page's service worker takes `path` as its tag).
    """
    subscription = queries.push_subscription(subscription_id).first()
    if subscription is None:
        log.info("push_not_needed", subscription_id=subscription_id)
        return
    try:
        web_push.deliver(subscription, {"title": title, "body": body, "path": path})
    except SubscriptionGone:
        queries.push_subscriptions_of(subscription.user_id).filter(pk=subscription.pk).delete()
        log.info("push_subscription_gone", subscription_id=subscription_id)
