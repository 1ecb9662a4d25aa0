"""Fields of requests and responses."""

from typing import Any

from rest_framework import serializers

from api.fields import Text, Url


class PushKeysIn(serializers.Serializer[Any]):
    """The browser's keys."""

    p256dh = Text(max_length=100)
    auth = Text(max_length=50)


class PushEndpoint(serializers.Serializer[Any]):
    """The browser's address at its push service."""

    endpoint = Url(max_length=1000)


class PushSubscriptionIn(PushEndpoint):
    """A subscription as `PushSubscription.toJSON()` of the browser writes it."""

    keys = PushKeysIn()


class PushKeyOut(serializers.Serializer[Any]):
    """The VAPID key."""

    key = serializers.CharField()
