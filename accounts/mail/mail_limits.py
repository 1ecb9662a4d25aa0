"""How many mails one address is sent because somebody typed it into a form."""

from django.utils.crypto import salted_hmac

from accounts import queries
from api import throttle


def allow(kind: str, address: str) -> bool:
    """Count a mail of that kind to the address, and say whether it is below ADDRESS_MAIL_THROTTLE.

    Counted where the mail is asked for, not where it is sent: a sign-up past the limit must not replace the password
    of an earlier one and then stay without a link. Each address is counted, known or not, and each kind by itself:
    a flood of sign-ups does not use up the resets. The count covers an hour by default, which is how long a reset link
    is valid: whoever meets the limit has links that work. The response is the same on both sides of the limit.
    """
    key = salted_hmac("accounts.mail_limits", queries.folded(address), algorithm="sha256").hexdigest()
    return throttle.seconds_to_wait("address_mail", f"{kind}:{key}") is None
