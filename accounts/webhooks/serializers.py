"""Fields of requests and responses."""

from typing import Any

from rest_framework import serializers

from accounts.webhooks.models import Webhook, WebhookEvent
from api.fields import Url


class WebhookIn(serializers.Serializer[Any]):
    """An address, and the events that are posted there: all of today's where none is named."""

    url = Url(max_length=1000)
    events = serializers.ListField(
        child=serializers.ChoiceField(WebhookEvent.choices),
        min_length=1,
        default=lambda: list(WebhookEvent.values),
    )


class WebhookOut(serializers.ModelSerializer[Webhook]):
    """A webhook; its secret is not shown again."""

    class Meta:
        model = Webhook
        fields: tuple[str, ...] = ("id", "url", "events")


class WebhookMadeOut(WebhookOut):
    """A new webhook, with the secret that its posts are signed with."""

    secret = serializers.CharField()

    class Meta(WebhookOut.Meta):
        fields = (*WebhookOut.Meta.fields, "secret")
