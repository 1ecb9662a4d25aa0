"""The doors of the API to webhooks."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries
from accounts.input_views import NOTHING, current_user
from accounts.webhooks import webhook_events
from accounts.webhooks.models import Webhook
from accounts.webhooks.serializers import WebhookIn, WebhookMadeOut, WebhookOut
from api.idempotency import idempotent
from api.pagination import NewestFirst


class Webhooks(generics.ListAPIView[Webhook]):
    """Your webhooks."""

    serializer_class = WebhookOut
    queryset = Webhook.objects.none()
    pagination_class = NewestFirst
    made_can_be_deleted = True

    def get_queryset(self) -> QuerySet[Webhook]:
        """Return the user's webhooks."""
        return queries.webhooks_of(current_user(self.request).pk)

    @extend_schema(
        operation_id="webhooks_create",
        request=WebhookIn,
        responses={201: WebhookMadeOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Have events posted to a public https address of yours; the secret in the answer is shown this once.

        Each post is `{"type": "video.ready", "timestamp": "…", "data": {"id": "…", "state": "ready", "error": ""}}`,
        signed as www.standardwebhooks.com says: `webhook-signature` is `v1,` and the base64 of the HMAC-SHA256, under
        the secret, of `webhook-id`, `webhook-timestamp` and body with dots between.

        Answer soon, with 2xx. Anything else, or nothing, is tried again after 1, 2, 4 and 8 minutes, or when
        Retry-After says; only another 4xx or a redirect is not, and 410 deletes the webhook. An event may arrive twice,
        always with the same `webhook-id`, and one may overtake another.
        """
        sent = WebhookIn(data=request.data)
        sent.is_valid(raise_exception=True)
        webhook, secret = webhook_events.add(
            current_user(request), sent.validated_data["url"], sent.validated_data["events"]
        )
        shown = {**WebhookOut(webhook).data, "secret": secret}
        return Response(shown, status=status.HTTP_201_CREATED)


class OwnWebhook(generics.DestroyAPIView[Webhook]):
    """One webhook."""

    serializer_class = WebhookOut
    queryset = Webhook.objects.none()
    lookup_field = "id"

    def get_queryset(self) -> QuerySet[Webhook]:
        """Return the user's webhooks."""
        return queries.webhooks_of(current_user(self.request).pk)

    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Post nothing more to this address, not even what waits for another attempt."""
        webhook_events.remove(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)
