"""Limits per client address."""

from api.throttle import AddressThrottle


class SignupThrottle(AddressThrottle):
    """Sign-ups; each costs a password hash."""

    scope = "signup"


class MailThrottle(AddressThrottle):
    """Wishes for a mail to an address of the client's choice."""

    scope = "password_reset"
