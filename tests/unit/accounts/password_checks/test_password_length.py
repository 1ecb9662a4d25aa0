import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import User
from accounts.password_checks import password_rules
from accounts.password_checks.password_length import MaximumLengthValidator

LONGEST = "correct horse battery staple, " * 4 + "and more"


def test_a_password_of_128_characters_may_be_set_and_no_longer_one():
    assert len(LONGEST) == 128
    password_rules.check(LONGEST, User())

    with pytest.raises(ValidationError, match="at most 128 characters"):
        password_rules.check(LONGEST + "!", User())


@pytest.mark.django_db
def test_a_longer_password_that_was_set_before_still_logs_in(api):
    longer = LONGEST * 2
    get_user_model().objects.create_user("ada@example.org", longer, verified_at=timezone.now())

    assert api.post("/api/login", {"email": "ada@example.org", "password": longer}).status_code == 200


def test_the_rule_is_said_in_words():
    assert "at most 128 characters" in MaximumLengthValidator().get_help_text()
