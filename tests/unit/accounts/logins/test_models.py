"""What must always hold for logins; each constraint is tried."""

import re
from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone
from knox.models import AuthToken

from accounts.logins.models import ActiveLogin, RecoveryCode, TwoFactor

NOW = timezone.now()


def refused(constraint):
    return pytest.raises(IntegrityError, match=re.escape(constraint))


@pytest.mark.parametrize(("kind", "has_token"), [("session", True), ("token", False), ("other", False)])
def test_a_login_by_token_has_one_and_a_login_by_session_has_none(a_user, kind, has_token):
    user = a_user()
    token = AuthToken.objects.create(user)[0] if has_token else None

    with refused("accounts_login_kind_matches"):
        ActiveLogin.objects.create(user=user, kind=kind, token=token, expires_at=NOW + timedelta(days=1))


def test_a_login_expires_after_it_began(a_user):
    with refused("accounts_login_expires_later"):
        ActiveLogin.objects.create(user=a_user(), kind="session", created_at=NOW, expires_at=NOW)


def test_the_key_of_an_app_is_sealed(a_user):
    with refused("accounts_two_factor_key_sealed"):
        TwoFactor.objects.create(user=a_user(), sealed_key="00" * 20)


def test_a_recovery_code_is_kept_as_its_digest_and_once(a_user):
    user = a_user()
    RecoveryCode.objects.create(user=user, digest="0" * 64)

    with refused("accounts_recovery_code_unique"):
        RecoveryCode.objects.create(user=user, digest="0" * 64)


def test_a_recovery_code_in_clear_is_refused(a_user):
    with refused("accounts_recovery_code_is_sha256"):
        RecoveryCode.objects.create(user=a_user(), digest="abcdef-ghijkl")
