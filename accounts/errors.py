"""What this app refuses, each with its answer."""

from api.errors import RETRY_AFTER_SECONDS, Conflict, Forbidden, Refused, TooMany


class WrongCredentials(Refused):
    """Address and password do not belong together; which of them is wrong is not told."""

    def __init__(self) -> None:
        super().__init__("Wrong email or password.")


class NotVerified(Forbidden):
    """The password is right, but the address was never proven."""

    def __init__(self) -> None:
        super().__init__("Please verify your email address first. The link is in your mailbox.")


class TooManyFailures(TooMany):
    """So many wrong passwords that no further one is tried for a while."""

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__(
            "Too many failed logins. Please try again later, or set a new password.",
            retry_after=retry_after_seconds,
        )


class HashingBusy(Refused):
    """So many passwords are being checked that this one had to wait too long."""

    status = 503

    def __init__(self) -> None:
        super().__init__("Too many people are logging in right now. Please try again in a few seconds.")
        self.retry_after = RETRY_AFTER_SECONDS


class BadToken(Refused):
    """A mailed token that is unknown, used or too old; which of them is not told."""

    def __init__(self) -> None:
        super().__init__("This link is invalid, already used or expired.", field="token")


class WrongPassword(Refused):
    """The password that should confirm an act is wrong."""

    def __init__(self) -> None:
        super().__init__("Wrong password.", field="password")


class CodeRequired(Refused):
    """The password is right, and the account asks for a code as well."""

    def __init__(self) -> None:
        super().__init__("A code from your authenticator app is required.", field="code")


class WrongCode(Refused):
    """A code of the authenticator app, or a recovery code, that is wrong, too old or used already."""

    def __init__(self) -> None:
        super().__init__("Wrong code, or a code that was already used.", field="code")


class TwoFactorState(Conflict):
    """Two-factor authentication is on or off already, or was not begun."""


class AddressTooLong(Refused):
    """The address, as it would be stored, is longer than any that mail reaches."""

    def __init__(self) -> None:
        super().__init__("This address is too long.", field="email")


class BadSubscription(Refused):
    """A push subscription that no message could or may be sent to."""


class SubscriptionGone(Exception):
    """The browser withdrew its push subscription."""


class BadWebhook(Refused):
    """An address that no event could or may be posted to."""

    def __init__(self) -> None:
        super().__init__("Enter a public https:// URL.", field="url")


class TooManyWebhooks(Conflict):
    """The user has as many webhooks as a user may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"You have {limit} webhooks, the maximum. Delete one first.")


class ReceiverGone(Exception):
    """The receiver of a webhook answered that it wants no more events, ever."""
