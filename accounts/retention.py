"""What this app keeps for a time only."""

from datetime import datetime, timedelta

import structlog

from accounts import queries
from accounts.exports import export
from accounts.logins import active_logins
from accounts.mail import notices
from accounts.password_checks import lockout

log = structlog.get_logger(__name__)

TOKENS_KEPT_FOR = timedelta(days=1)


def forget_expired(now: datetime) -> None:
    """Delete tokens, logins, login failures and exports whose time is over. Twice: the second call finds none."""
    tokens = queries.tokens_before(now - TOKENS_KEPT_FOR).delete()[0]
    failures = lockout.forget_expired(now)
    exports = export.forget_expired(now)
    logins = active_logins.forget_expired(now)
    notices.forget_addresses(now)
    log.info("expired_forgotten", tokens=tokens, failures=failures, exports=exports, logins=logins)
