from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.errors import BadToken
from accounts.mail import mailed_tokens
from accounts.mail.models import MailedToken, TokenPurpose


@pytest.mark.parametrize("purpose", list(TokenPurpose))
def test_of_two_who_found_the_token_at_the_same_moment_the_second_cannot_spend_it(a_user, purpose):
    now = timezone.now()
    token = mailed_tokens.issue(a_user(), purpose, now)
    first, second = (mailed_tokens.find(token, purpose, now) for _ in range(2))
    mailed_tokens.spend(first, now)

    with pytest.raises(BadToken):
        mailed_tokens.spend(second, now + timedelta(seconds=1))

    assert MailedToken.objects.get().used_at == now


def test_a_token_of_a_user_on_the_way_out_is_not_found(a_user):
    token = mailed_tokens.issue(a_user(is_active=False), TokenPurpose.RESET, timezone.now())

    with pytest.raises(BadToken):
        mailed_tokens.find(token, TokenPurpose.RESET, timezone.now())


def test_every_token_is_another(a_user):
    user = a_user()

    issued = {mailed_tokens.issue(user, TokenPurpose.VERIFY, timezone.now()) for _ in range(10)}

    assert len(issued) == 10
