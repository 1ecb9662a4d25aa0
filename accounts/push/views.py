"""The API to browsers that take notifications."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.input_views import NOTHING, InputView, current_user
from accounts.push import push_notifications, web_push
from accounts.push.serializers import PushEndpoint, PushKeyOut, PushSubscriptionIn
from api.idempotency import idempotent


class PushSubscriptions(InputView):
    """Browsers that take notifications."""

    serializer_class = PushSubscriptionIn

    @extend_schema(operation_id="push_subscriptions_create", responses={201: PushEndpoint})
    @idempotent
    def post(self, request: Request) -> Response:
        """Send notifications to this browser."""
        sent = self.sent(request)
        keys = sent["keys"]
        push_notifications.subscribe(current_user(request), sent["endpoint"], keys["p256dh"], keys["auth"])
        return Response({"endpoint": sent["endpoint"]}, status=status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="push_subscriptions_destroy",
        request=PushEndpoint,
        responses={204: NOTHING},
    )
    def delete(self, request: Request) -> Response:
        """Send this browser nothing any more."""
        sent = PushEndpoint(data=request.data)
        sent.is_valid(raise_exception=True)
        push_notifications.unsubscribe(current_user(request), sent.validated_data["endpoint"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class PushKey(generics.GenericAPIView[Any]):
    """The key that a browser asks for before it subscribes."""

    serializer_class = PushKeyOut
    permission_classes = (AllowAny,)
    authentication_classes = ()

    @extend_schema(operation_id="push_key")
    def get(self, request: Request) -> Response:
        """Show the VAPID public key, base64url."""
        return Response({"key": web_push.public_key()})
