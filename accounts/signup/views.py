"""The API to signing up."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import throttles
from accounts.input_views import PublicInputView
from accounts.models import User
from accounts.serializers import AddressIn, DetailOut, TokenIn
from accounts.signup import registration
from accounts.signup.serializers import SignupIn, SignupOut
from api.idempotency import idempotent, idempotent_after


class Signup(PublicInputView):
    """Signing up."""

    serializer_class = SignupIn
    throttle_classes = (throttles.SignupThrottle,)

    def hashed(self, request: Request) -> User:
        """Return the user to be; no transaction is open while the password is hashed."""
        sent = self.sent(request)
        return registration.newcomer(sent["email"], sent["password"], sent["name"])

    @extend_schema(operation_id="signup", responses={201: SignupOut})
    @idempotent_after(hashed)
    def post(self, request: Request, newcomer: User) -> Response:
        """Ask for an account; the answer is the same whether or not the address has one already."""
        registration.register(newcomer)
        detail = "Signup successful. Please open the link in the mail that we send you."
        body = {"detail": detail, "email": self.sent(request)["email"]}
        return Response(body, status=status.HTTP_201_CREATED)


class VerifyEmail(PublicInputView):
    """Proving an address."""

    serializer_class = TokenIn

    @extend_schema(operation_id="verify_email", responses=DetailOut)
    @idempotent
    def post(self, request: Request) -> Response:
        """Prove the address with the token out of the mail."""
        registration.verify(self.sent(request)["token"], timezone.now())
        return Response({"detail": "Your address is verified. You can log in now."})


class ResendVerification(PublicInputView):
    """Another verification mail."""

    serializer_class = AddressIn
    throttle_classes = (throttles.MailThrottle,)

    @extend_schema(operation_id="verify_email_resend", responses={202: DetailOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Ask for another verification mail; the answer is the same for every address."""
        registration.ask_verification(self.sent(request)["email"])
        detail = "If that address waits for its verification, a mail is on its way."
        return Response({"detail": detail}, status=status.HTTP_202_ACCEPTED)
