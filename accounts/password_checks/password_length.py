"""The longest password that may be set; `settings.AUTH_PASSWORD_VALIDATORS` names it."""

from django.core.exceptions import ValidationError

from accounts.models import User


class MaximumLengthValidator:
    """Refuses a new password beyond `max_length` characters; one that was set before still logs in.

    Source: OWASP ASVS 4.0.3, 2.1.2.
    """

    def __init__(self, max_length: int = 128) -> None:
        self.max_length = max_length

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError for a longer password."""
        if len(password) > self.max_length:
            raise ValidationError(
                f"This password is too long. It must contain at most {self.max_length} characters.",
                code="password_too_long",
            )

    def get_help_text(self) -> str:
        """Return the rule in words."""
        return f"Your password may have at most {self.max_length} characters."
