"""What people fill in. Rules are the workflows'; a form knows only what a field looks like."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from api import security_log
from api.errors import Refused


class AccessibleForm(forms.Form):
    """A form whose fields say what is wrong with them to everybody who reads the page, by ear too."""

    status = 400

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
        max_length=1024,
        strip=False,
        help_text=help_text,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
    )


def _new_password() -> forms.CharField:
    return _password("Password", "new-password", "At least 8 characters, not a common one, not only digits.")


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


class LoginForm(AccessibleForm):
    """Coming back."""

    email = _email()
    password = _password("Password", "current-password")


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


class UploadForm(AccessibleForm):
    """A new video."""

    title = forms.CharField(
        label="Title (optional)", max_length=200, required=False, help_text="The file's name, if left empty."
    )
    file = forms.FileField(label="Video file", widget=forms.ClearableFileInput(attrs={"accept": "video/*"}))
