"""Fields of requests and responses."""

from accounts.serializers import PasswordIn, TokenIn, password_field


class NewPasswordIn(TokenIn):
    """A token out of a mail and the password to set."""

    password = password_field()


class PasswordChangeIn(PasswordIn):
    """The present password and the one to set."""

    new_password = password_field()
