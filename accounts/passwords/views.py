"""The API to passwords."""

from typing import cast

from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import throttles
from accounts.input_views import LIMITED, InputView, PublicInputView, current_user
from accounts.logins import active_logins
from accounts.passwords import password_change, password_reset
from accounts.passwords.serializers import NewPasswordIn, PasswordChangeIn
from accounts.serializers import AddressIn, DetailOut
from api.idempotency import idempotent, idempotent_after
from api.throttle import client_address


class PasswordReset(PublicInputView):
    """A forgotten password."""

    serializer_class = AddressIn
    throttle_classes = (throttles.MailThrottle,)

    @extend_schema(operation_id="password_reset", responses={202: DetailOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Ask for a mail that lets one set a new password; the answer is the same for every address."""
        password_reset.ask_reset(self.sent(request)["email"])
        detail = "If that address has an account, a mail is on its way."
        return Response({"detail": detail}, status=status.HTTP_202_ACCEPTED)


class PasswordResetConfirm(PublicInputView):
    """The new password."""

    serializer_class = NewPasswordIn

    def hashed(self, request: Request) -> str:
        """Return the new password's hash; no transaction is open while it is computed."""
        sent = self.sent(request)
        return password_reset.prepare(sent["token"], sent["password"], timezone.now())

    @extend_schema(operation_id="password_reset_confirm", responses=DetailOut)
    @idempotent_after(hashed)
    def post(self, request: Request, hashed: str) -> Response:
        """Set the password with the token out of the mail; every login ends."""
        password_reset.confirm(self.sent(request)["token"], hashed, timezone.now(), client_address(request))
        return Response({"detail": "Your password is set. You can log in now."})


class Password(InputView):
    """The user's password."""

    serializer_class = PasswordChangeIn

    @extend_schema(operation_id="account_password", responses={200: DetailOut, 429: LIMITED})
    def post(self, request: Request) -> Response:
        """Set another password. Every other session and token ends, and a mail tells; this one stays."""
        sent = self.sent(request)
        kept = active_logins.login_id_of(request, request.auth)
        password_change.change(
            cast(HttpRequest, request),
            current_user(request),
            (sent["password"], sent["new_password"]),
            kept,
            timezone.now(),
        )
        active_logins.keep_session(request, current_user(request), kept)
        return Response({"detail": "Your password is changed. Every other session and token has ended."})
