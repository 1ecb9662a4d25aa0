from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from knox.models import AuthToken

from accounts.errors import BadToken
from accounts.mail import mailed_tokens
from accounts.mail.models import TokenPurpose
from accounts.passwords import password_reset
from accounts.signup import registration
from tests.unit.accounts.conftest import PASSWORD, token_in

NEW = "an entirely new passphrase"


@pytest.fixture
def reset_token():
    def make(user, issued_at=None):
        return mailed_tokens.issue(user, TokenPurpose.RESET, issued_at or timezone.now())

    return make


def test_asking_for_a_known_and_an_unknown_address_writes_one_job_each(a_user, asked_for):
    user = a_user()

    password_reset.ask_reset("ADA@example.org")
    password_reset.ask_reset("nobody@example.org")

    (known,), (unknown,) = asked_for("accounts.send_reset")
    assert known == str(user.pk)
    assert unknown != known


def test_the_job_for_an_unknown_address_mails_nobody(a_user, asked_for, mail_server):
    server = mail_server()
    password_reset.ask_reset("nobody@example.org")
    ((unknown,),) = asked_for("accounts.send_reset")

    password_reset.send_reset(unknown)

    assert server.messages == []


def test_an_address_is_sent_a_limited_number_of_reset_mails_and_sign_ups_do_not_use_them_up(
    a_user, asked_for, settings
):
    settings.THROTTLES = {"address_mail": "2/hour"}
    user = a_user(f"{uuid4().hex}@example.org")
    for _ in range(3):
        registration.sign_up(user.email, PASSWORD, "")

    for address in (user.email, user.email.upper(), user.email):
        password_reset.ask_reset(address)

    assert asked_for("accounts.send_reset") == [[str(user.pk)]] * 2


def test_a_reset_link_is_valid_for_an_hour(a_user, reset_token):
    user = a_user()
    now = timezone.now()

    password_reset.reset(reset_token(user, now - timedelta(minutes=59)), NEW, now)
    with pytest.raises(BadToken):
        password_reset.reset(reset_token(user, now - timedelta(minutes=60)), NEW, now)


def test_the_mailed_token_sets_the_password(a_user, mail_server):
    server = mail_server()
    user = a_user()
    password_reset.send_reset(str(user.pk))

    password_reset.reset(token_in(server.messages[0]), NEW, timezone.now())

    user.refresh_from_db()
    assert user.check_password(NEW)


def test_sending_twice_gives_two_links_of_which_one_is_enough(a_user, mail_server):
    server = mail_server()
    user = a_user()
    password_reset.send_reset(str(user.pk))
    password_reset.send_reset(str(user.pk))
    older, newer = [token_in(message) for message in server.messages]

    password_reset.reset(older, NEW, timezone.now())

    with pytest.raises(BadToken):
        password_reset.reset(newer, PASSWORD, timezone.now())
    user.refresh_from_db()
    assert user.check_password(NEW)


def test_a_token_sets_a_password_once(a_user, reset_token):
    user = a_user()
    token = reset_token(user)
    password_reset.reset(token, NEW, timezone.now())

    with pytest.raises(BadToken):
        password_reset.reset(token, "yet another passphrase", timezone.now())

    user.refresh_from_db()
    assert user.check_password(NEW)


def test_a_weak_password_is_refused_and_leaves_the_token_usable(a_user, reset_token):
    token = reset_token(a_user())

    with pytest.raises(ValidationError) as refusal:
        password_reset.reset(token, "short", timezone.now())

    assert refusal.value.message_dict["password"]
    password_reset.reset(token, NEW, timezone.now())


def test_a_password_like_the_address_is_refused(a_user, reset_token):
    token = reset_token(a_user("ada.lovelace@example.org"))

    with pytest.raises(ValidationError, match="similar"):
        password_reset.reset(token, "ada.lovelace", timezone.now())


def test_an_expired_token_sets_nothing(a_user, reset_token, settings):
    user = a_user()
    valid_for = timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
    token = reset_token(user, timezone.now() - valid_for)

    with pytest.raises(BadToken):
        password_reset.reset(token, NEW, timezone.now())


def test_a_verification_token_sets_no_password(a_user):
    token = mailed_tokens.issue(a_user(), TokenPurpose.VERIFY, timezone.now())

    with pytest.raises(BadToken):
        password_reset.reset(token, NEW, timezone.now())


def test_a_new_password_ends_every_token(a_user, reset_token):
    user = a_user()
    AuthToken.objects.create(user=user)

    password_reset.reset(reset_token(user), NEW, timezone.now())

    assert not AuthToken.objects.exists()


def test_a_new_password_ends_every_session(a_user, reset_token, client):
    user = a_user()
    client.force_login(user)
    assert client.get("/api/account").status_code == 200

    password_reset.reset(reset_token(user), NEW, timezone.now())

    assert client.get("/api/account").status_code == 401


def test_a_reset_proves_the_address_that_the_link_went_to(a_user, reset_token):
    user = a_user(verified=False)

    password_reset.reset(reset_token(user), NEW, timezone.now())

    user.refresh_from_db()
    assert user.is_verified


def test_a_user_on_the_way_out_gets_no_reset_mail(a_user, mail_server):
    server = mail_server()

    password_reset.send_reset(str(a_user(is_active=False).pk))

    assert server.messages == []
