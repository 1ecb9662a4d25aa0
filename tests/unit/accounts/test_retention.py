import os
from datetime import timedelta

from django.utils import timezone

from accounts import retention
from accounts.exports import export
from accounts.exports.models import Export
from accounts.mail import mailed_tokens
from accounts.mail.models import MailedToken, TokenPurpose
from accounts.password_checks.models import KnownClient, LoginFailures


def test_what_is_over_goes_and_what_is_not_stays_and_twice_is_as_once(a_user):
    now = timezone.now()
    user = a_user()
    mailed_tokens.issue(user, TokenPurpose.VERIFY, now - timedelta(days=5))
    mailed_tokens.issue(user, TokenPurpose.VERIFY, now)
    LoginFailures.objects.create(key="old", last_at=now - timedelta(hours=1, seconds=1))
    LoginFailures.objects.create(key="new", last_at=now)
    KnownClient.objects.create(user=user, key="old", seen_at=now - timedelta(days=91))
    KnownClient.objects.create(user=user, key="new", seen_at=now)

    retention.forget_expired(now)
    retention.forget_expired(now)

    assert MailedToken.objects.get().expires_at > now
    assert LoginFailures.objects.get().key == "new"
    assert KnownClient.objects.get().key == "new"


def test_an_export_goes_after_a_week_with_its_file(a_user):
    user = a_user()
    wanted = export.request_export(user)
    export.write(str(wanted.pk))
    written_at = Export.objects.get().finished_at
    assert written_at is not None

    retention.forget_expired(written_at + timedelta(days=7))
    assert export.archive_path(wanted.pk).exists()
    retention.forget_expired(written_at + timedelta(days=7, seconds=1))

    assert not export.archive_path(wanted.pk).exists()
    assert not Export.objects.exists()


def test_a_draft_of_a_killed_worker_goes_after_a_day(db, tmp_path):
    folder = tmp_path / "exports"
    folder.mkdir()
    now = timezone.now()
    for name, age in (("old.part", timedelta(days=2)), ("new.part", timedelta(hours=2))):
        (folder / name).touch()
        os.utime(folder / name, ((now - age).timestamp(),) * 2)

    retention.forget_expired(now)

    assert [path.name for path in folder.iterdir()] == ["new.part"]
