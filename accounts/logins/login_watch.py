"""Asks again and again whether the login of a request still holds, while the response is being sent."""

from django.utils import timezone

from accounts.logins import active_logins
from api.connections import lent
from api.ranges import StillAllowed


def watch(login_id: str | None) -> StillAllowed:
    """Return a function that says whether that login still holds. A request without a login is refused."""

    @lent
    def is_alive() -> bool:
        return login_id is not None and active_logins.is_alive(login_id, timezone.now())

    return is_alive
