"""Mails that tell of what was done to an account."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.account_deletion import deletion
from accounts.account_deletion.models import Deletion
from accounts.mail import notices
from celery_ledger.errors import Permanent
from tests.unit.accounts.conftest import PASSWORD, text_of


@pytest.mark.parametrize("notice", sorted(notices.KINDS))
def test_each_notice_is_mailed_as_text_and_html_under_the_jobs_id(a_user, mail_server, as_job, notice):
    server = mail_server()
    user = a_user()

    with as_job() as job:
        notices.send(str(user.pk), notice)
        notices.send(str(user.pk), notice)

    first, second = server.messages
    assert (first["To"], first["Subject"]) == ("ada@example.org", notices.KINDS[notice].subject)
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["Message-ID"] == second["Message-ID"] == f"<{job.id}@localhost>"
    assert "Offstage" in text_of(first)
    assert "https://offstage.test" in first.get_body(("html",)).get_content()


def test_nobody_is_mailed_who_left(a_user, mail_server):
    server = mail_server()
    user = a_user(is_active=False)

    notices.send(str(user.pk), notices.PASSWORD_CHANGED)

    assert server.messages == []


def begun(user):
    return deletion.request_deletion(None, user, PASSWORD)


def test_who_leaves_is_told_at_the_address_that_the_account_has_lost(a_user, mail_server, asked_for):
    server = mail_server()
    started = begun(a_user())
    assert asked_for("accounts.send_deletion_notice") == [[str(started.pk)]]

    notices.send_deletion_notice(str(started.pk))
    notices.send_deletion_notice(str(started.pk))

    (mail,) = server.messages
    assert mail["To"] == "ada@example.org"
    assert "cannot be" in text_of(mail)
    assert Deletion.objects.get().sealed_address == ""


def test_the_notice_goes_out_where_the_user_is_gone_already(a_user, mail_server):
    server = mail_server()
    user = a_user()
    started = begun(user)
    deletion.finish(str(started.pk), timezone.now())

    notices.send_deletion_notice(str(started.pk))

    assert len(server.messages) == 1


def test_the_address_is_sealed_while_it_waits_and_is_not_kept(a_user):
    started = begun(a_user())
    row = str(Deletion.objects.values().get())
    assert "ada" not in row

    Deletion.objects.update(created_at=timezone.now() - notices.ADDRESS_KEPT_FOR - timedelta(minutes=1))

    assert (notices.forget_addresses(timezone.now()), notices.forget_addresses(timezone.now())) == (1, 0)
    assert Deletion.objects.get(pk=started.pk).sealed_address == ""


def test_an_address_that_cannot_be_read_any_more_is_not_tried_again(a_user, settings):
    started = begun(a_user())
    settings.SECRET_KEY = "another one"

    with pytest.raises(Permanent):
        notices.send_deletion_notice(str(started.pk))
