"""What people fill in. Rules are the workflows'; a form knows only what a field looks like."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from accounts.password_checks.password_rules import PASSWORD_MAX_CHARACTERS
from api import security_log
from api.errors import Refused


class AccessibleForm(forms.Form):
    """A form whose fields say what is wrong with them to everybody who reads the page, by ear too."""

    status = 400
    retry_after: float | None = None

    def __init__(self, data: Any = None, files: Any = None, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, files, initial=initial, label_suffix="")

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Turn what a workflow refuses into errors of this form; `is_valid()` is False afterwards."""
        try:
            yield
        except Refused as error:
            security_log.refused(error, error.status)
            self.status = error.status
            self.retry_after = getattr(error, "retry_after", None)
            self.add_error(error.field if error.field in self.fields else None, error.detail)
        except ValidationError as error:
            for field, reasons in getattr(error, "message_dict", {None: error.messages}).items():
                self.add_error(field if field in self.fields else None, reasons)


def _email() -> forms.EmailField:
    return forms.EmailField(
        label="Email",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "inputmode": "email", "spellcheck": "false"}),
    )


def _password(label: str, autocomplete: str, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=PASSWORD_MAX_CHARACTERS,
        strip=False,
        help_text=help_text,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
    )


def _new_password(label: str = "Password") -> forms.CharField:
    length = settings.PASSWORD_MIN_CHARACTERS
    rules = f"At least {length} characters; not a common password, and not your name or address."
    return _password(label, "new-password", rules)


class SignupForm(AccessibleForm):
    """Becoming a user."""

    name = forms.CharField(
        label="Name (optional)",
        max_length=150,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = _email()
    password = _new_password()


def _code(label: str, help_text: str, *, required: bool = True) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=64,
        required=required,
        help_text=help_text,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "spellcheck": "false"}),
    )


class LoginForm(AccessibleForm):
    """Coming back."""

    email = _email()
    password = _password("Password", "current-password")
    code = _code(
        "Code", "Only with two-factor authentication: from your app, or a recovery code.", required=False
    )


class AddressForm(AccessibleForm):
    """Asking for a mail."""

    email = _email()


class TokenForm(AccessibleForm):
    """Using the link of a mail; the token came with it."""

    token = forms.CharField(max_length=512, widget=forms.HiddenInput())


class NewPasswordForm(TokenForm):
    """Setting a password with the link of a mail."""

    password = _new_password()


class NameForm(AccessibleForm):
    """Another name."""

    name = forms.CharField(
        label="Name", max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )


class DeletionForm(AccessibleForm):
    """Leaving for good."""

    password = _password("Your password", "current-password")


class PasswordChangeForm(AccessibleForm):
    """Another password."""

    password = _password("Present password", "current-password")
    new_password = _new_password("New password")


class ConfirmationForm(AccessibleForm):
    """The password that confirms an act."""

    password = _password("Your password", "current-password")


class CodeForm(AccessibleForm):
    """The first code of an authenticator app."""

    code = _code("Code", "The six digits that the app shows now.")


class SecondFactorForm(ConfirmationForm):
    """Password and code."""

    code = _code("Code", "From your app, or a recovery code.")


class UploadForm(AccessibleForm):
    """A new video."""

    title = forms.CharField(
        label="Title (optional)", max_length=200, required=False, help_text="The file's name, if left empty."
    )
    file = forms.FileField(label="Video file", widget=forms.ClearableFileInput(attrs={"accept": "video/*"}))
