"""Another password for a user who is logged in."""

from threading import Barrier, Thread

import pytest
from django.contrib.auth.hashers import check_password
from django.core.exceptions import ValidationError
from django.db import connections
from django.utils import timezone

from accounts.errors import WrongPassword
from accounts.mail import mailed_tokens
from accounts.mail.models import MailedToken, TokenPurpose
from accounts.models import User
from accounts.passwords import password_change
from tests.unit.accounts.conftest import PASSWORD

NEW = "another horse, another battery"


def change(user, present=PASSWORD, new=NEW, kept=None):
    password_change.change(None, user, (present, new), kept, timezone.now())


def test_the_password_is_set_and_a_notice_enqueued(a_user, asked_for):
    user = a_user()

    change(user)

    assert check_password(NEW, User.objects.get().password)
    assert asked_for("accounts.send_notice") == [[str(user.pk), "password_changed"]]


def test_a_wrong_present_password_changes_nothing(a_user, asked_for):
    with pytest.raises(WrongPassword):
        change(a_user(), present="wrong")

    assert check_password(PASSWORD, User.objects.get().password)
    assert asked_for("accounts.send_notice") == []


def test_a_weak_new_password_is_refused_by_its_field(a_user):
    with pytest.raises(ValidationError) as refusal:
        change(a_user(), new="short")

    assert list(refusal.value.message_dict) == ["new_password"]
    assert check_password(PASSWORD, User.objects.get().password)


def test_reset_links_that_were_mailed_before_end(a_user):
    user = a_user()
    mailed_tokens.issue(user, TokenPurpose.RESET, timezone.now())

    change(user)

    assert MailedToken.objects.get().used_at is not None


@pytest.mark.django_db(transaction=True)
def test_of_ten_changes_at_once_one_is_made(a_user):
    user = a_user()
    start, outcomes = Barrier(10), []

    def attempt(number):
        mine = User.objects.get(pk=user.pk)
        start.wait()
        try:
            change(mine, new=f"{NEW} {number}")
            outcomes.append("changed")
        except WrongPassword:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [Thread(target=attempt, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes.count("changed") == 1
    assert outcomes.count("refused") == 9
