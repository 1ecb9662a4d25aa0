"""What a password must be like."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from accounts.models import User

PASSWORD_MAX_CHARACTERS = 1000
"""Bounds the work of one hash; any passphrase fits. For the API and the pages."""


def check(password: str, user: User) -> None:
    """Raise ValidationError `{"password": [why, ...]}` where a validator of the settings refuses it."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error
