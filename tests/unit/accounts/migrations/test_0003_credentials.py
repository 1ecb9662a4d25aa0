"""Mailed tokens of the release before, which name no address, work."""

from importlib import import_module

import pytest
from django.db import connection
from django.utils import timezone

from accounts.mail import mailed_tokens
from accounts.errors import BadToken
from accounts.mail.models import MailedToken, TokenPurpose


@pytest.mark.parametrize("purpose", [TokenPurpose.VERIFY, TokenPurpose.RESET])
def test_a_token_mailed_before_is_valid_for_the_address_that_its_user_had(a_user, purpose):
    user, now = a_user(), timezone.now()
    token = mailed_tokens.issue(user, purpose, now)
    MailedToken.objects.update(address="")

    with connection.cursor() as cursor:
        cursor.execute(import_module("accounts.migrations.0003_credentials").FILL)

    assert mailed_tokens.find(token, purpose, now).user == user
    user.email = "other@example.org"
    user.save()
    with pytest.raises(BadToken):
        mailed_tokens.find(token, purpose, now)
