import pytest
from django.conf import settings
from django.contrib.auth.password_validation import get_default_password_validators
from django.core.exceptions import ValidationError

from accounts.models import User
from accounts.password_checks import password_rules
from accounts.password_checks.password_validators import KnownPasswordValidator, OwnWordsValidator
from accounts.signup.serializers import SignupIn
from web.forms import LoginForm, SignupForm

ADA = User(email="ada.lovelace@analytical.example.org", name="Ada King")


@pytest.mark.parametrize(
    "password",
    [
        "1qaz2wsx3edc",
        "1QAZ2WSX3EDC",
        "passwordpassword",
        "password2024",
        "!!Password123!!",
        "P4ssw0rd!!!2024",
        "qwerty123456",
        "monkeymonkeymonkey1",
        "abcdefghijklm",
        "zyxwvutsrqpo",
        "qwertyuiopas",
        "qwertyuiopasdfghjklzxcvbnmqwerty",
        "1234567890123456",
        "aaaaaaaaaaaab",
        "ababababcabc",
    ],
)
def test_a_known_password_is_refused_also_with_an_addition(password):
    with pytest.raises(ValidationError):
        KnownPasswordValidator().validate(password, ADA)


@pytest.mark.parametrize(
    "password",
    [
        "offstageoffstage",
        "Offstage2024!",
        "0ffst4ge-1234",
        "ada.lovelace@analytical.example.org",
        "ada.lovelace1",
        "AdaLovelace1815",
        "lovelacelovelace",
        "adaking-2024",
        "analytical123",
        "1815lovelaceada",
    ],
)
def test_a_password_of_the_users_own_words_is_refused(password):
    with pytest.raises(ValidationError):
        OwnWordsValidator().validate(password, ADA)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "correct horse battery",
        "an entirely new one",
        "lovelace notes on engines",
        "offstage is not my only word",
        "k7Vq-2mXw9-pLz4",
        "Tr0ub4dor&3-and-more",
        "пароль из четырёх слов",
        "x" * 5 + "a long tail of its own",
    ],
)
def test_a_good_password_passes_every_rule(password):
    password_rules.check(password, ADA)


def test_rules_hold_for_a_user_who_is_not_known_yet():
    OwnWordsValidator().validate("correct horse battery staple")
    with pytest.raises(ValidationError):
        OwnWordsValidator().validate("offstageoffstage")


@pytest.mark.parametrize(("password", "is_long_enough"), [("tz8Kq-vw3Mx", False), ("tz8Kq-vw3MxR", True)])
def test_a_password_has_at_least_twelve_characters(password, is_long_enough):
    assert len(password) == 11 + is_long_enough
    if is_long_enough:
        password_rules.check(password, ADA)
    else:
        with pytest.raises(ValidationError, match="at least 12 characters"):
            password_rules.check(password, ADA)


@pytest.mark.parametrize("form", [SignupForm, LoginForm])
def test_page_and_api_take_a_password_of_the_same_length(form):
    longest = SignupIn().fields["password"].max_length

    assert form().fields["password"].max_length == longest == password_rules.PASSWORD_MAX_CHARACTERS


def test_the_page_tells_the_rule_that_holds():
    assert str(settings.PASSWORD_MIN_CHARACTERS) in SignupForm().fields["password"].help_text


def test_each_rule_says_itself_in_words():
    assert all(validator.get_help_text() for validator in get_default_password_validators())


def test_the_longest_password_is_judged_at_once():
    for password in ("a" * 1000, "0!1@4" * 200, "offstage" * 125):
        with pytest.raises(ValidationError):
            password_rules.check(password, ADA)
