"""Limits per client address."""

from api.throttle import AddressThrottle


class SignupThrottle(AddressThrottle):
    """Sign-ups; each costs a password hash."""

    scope = "signup"


class LoginThrottle(AddressThrottle):
    """Passwords that may be wrong."""

    scope = "login"


class MailThrottle(AddressThrottle):
    """Wishes for a mail to an address of the asker's choice."""

    scope = "password_reset"
