"""Gateway to the mail server: writes our three mails and hands them over by SMTP."""

import re
import smtplib
import ssl
from dataclasses import dataclass
from email.utils import make_msgid, parseaddr
from functools import cache

import css_inline
import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.template.loader import render_to_string

from celery_ledger import Permanent, Transient, current_job

log = structlog.get_logger(__name__)

ENHANCED_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b", re.ASCII)


PERMANENT_REPLY = 5
"""First digit of a reply that asking again does not change, RFC 5321, section 4.2.1."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One of our mails. `page` is where its token goes."""

    template: str
    subject: str
    page: str | None = None


VERIFICATION = Kind("verification", "Confirm your address", page="verify-email")
RESET = Kind("reset", "Set a new password", page="reset-password")
TAKEN_ADDRESS = Kind("taken_address", "You already have an account")


def send(address: str, kind: Kind, *, token: str | None = None, is_repeated: bool = False) -> None:
    """Hand the mail to the mail server.

    No word of it was typed by a stranger: a sign-up must not carry messages to other people.
    Raises Transient, Permanent. Twice: a second copy under the same Message-ID, which follows from the job.
    """
    mail = compose(address, kind, token=token, is_repeated=is_repeated)
    connection = get_connection()  # which waits settings.EMAIL_TIMEOUT seconds for each answer
    try:
        _open(connection)
        _hand_over(connection, mail)
    finally:
        _close(connection)
    log.info("mail_sent", kind=kind.template)


def compose(
    address: str, kind: Kind, *, token: str | None = None, is_repeated: bool = False
) -> EmailMultiAlternatives:
    """Return the mail with its text and its HTML part; `is_repeated`: another sign-up of the address came before."""
    words = {
        "subject": kind.subject,
        "home": settings.PUBLIC_URL,
        "link": f"{settings.PUBLIC_URL}/{kind.page}?token={token}",
        "valid_days": settings.VERIFY_TOKEN_DAYS,
        "valid_minutes": settings.PASSWORD_RESET_TIMEOUT // 60,
        "is_repeated": is_repeated,
    }
    mail = EmailMultiAlternatives(
        subject=kind.subject,
        body=render_to_string(f"accounts/mail/{kind.template}.txt", words),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[address],
        # RFC 3834, section 5: no vacation notice answers such a mail.
        headers={"Message-ID": _message_id(), "Auto-Submitted": "auto-generated"},
    )
    html = render_to_string(f"accounts/mail/{kind.template}.html", words)
    mail.attach_alternative(_inliner().inline(html), "text/html")
    return mail


def _message_id() -> str:
    host = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    job = current_job()
    return f"<{job.id}@{host}>" if job else make_msgid(domain=host)


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(load_remote_stylesheets=False)


def _open(connection: BaseEmailBackend) -> None:
    try:
        connection.open()
    except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError, ssl.SSLError) as error:
        # Ours or the server's set-up is wrong, not the mail: it goes out once an operator has mended that.
        # Permanent would be worse: a password changed too late would bury every mail of that hour.
        raise Transient(f"the mail server does not let us in ({type(error).__name__})") from error
    except (smtplib.SMTPException, OSError) as error:
        # Also a 5yz in the greeting: that answers us, whoever the mail is for.
        raise Transient(f"the mail server is not reachable ({type(error).__name__})") from error


def _hand_over(connection: BaseEmailBackend, mail: EmailMultiAlternatives) -> None:
    try:
        connection.send_messages([mail])
    except smtplib.SMTPRecipientsRefused as error:
        code, answer = next(iter(error.recipients.values()))
        raise _fate("the mail server refused the recipient", code, answer) from error
    except smtplib.SMTPResponseException as error:
        raise _fate("the mail server refused the mail", error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPNotSupportedError as error:
        raise Permanent("the mail server cannot take mail for this address") from error
    except (smtplib.SMTPException, OSError) as error:
        raise Transient(f"the mail server went away ({type(error).__name__})") from error


def _fate(reason: str, code: int, answer: bytes | str) -> Transient | Permanent:
    """Return the fate that a reply code means."""
    # The server's own words stay out: they often repeat the address.
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    status = ENHANCED_STATUS.search(text)
    said = f"{reason} ({code} {status[0]})" if status else f"{reason} ({code})"
    return Permanent(said) if code // 100 == PERMANENT_REPLY else Transient(said)


def _close(connection: BaseEmailBackend) -> None:
    try:
        connection.close()
    except (smtplib.SMTPException, OSError) as error:
        # The mail was accepted or refused before QUIT; a server that stumbles over QUIT changes nothing.
        log.warning("mail_connection_lost", error=type(error).__name__)
