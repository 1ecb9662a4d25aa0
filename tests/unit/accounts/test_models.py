from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.account_deletion.models import Deletion, DeletionState, DeletionStep
from accounts.exports.models import Export, ExportState
from accounts.mail.models import MailedToken
from accounts.models import Project, User
from accounts.push.models import PushSubscription
from accounts.webhooks.models import Webhook
from api import sealing

pytestmark = pytest.mark.django_db


def refused(name):
    return pytest.raises(IntegrityError, match=name)


def test_an_address_is_taken_whatever_its_case(a_user):
    a_user("Ada@example.org")

    with refused("accounts_user_email_unique"):
        a_user("aDA@EXAMPLE.org")


def test_a_user_is_found_by_address_whatever_its_case(a_user):
    user = a_user("Ada@example.org")

    assert User.objects.get_by_natural_key("aDA@EXAMPLE.org") == user


def test_a_user_without_an_address_is_refused():
    with pytest.raises(ValueError, match="address"):
        User.objects.create_user("", "x")
    with refused("accounts_user_email_given"):
        User.objects.bulk_create([User(email="")])


def test_a_superuser_may_do_everything_and_is_verified():
    user = User.objects.create_superuser("root@example.org", "x")

    assert user.is_staff
    assert user.is_superuser
    assert user.is_verified


def test_a_user_without_a_password_has_an_unusable_one():
    assert not User.objects.create_user("ada@example.org").has_usable_password()


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"purpose": "gift"}, "accounts_token_purpose_known"),
        ({"digest": "not a digest"}, "accounts_token_digest_is_sha256"),
        ({"expires_at": timezone.now() - timedelta(days=9)}, "accounts_token_expires_later"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused(a_user, fields, constraint):
    sound = {"purpose": "verify", "digest": "a" * 64, "expires_at": timezone.now() + timedelta(days=1)}

    with refused(constraint):
        MailedToken.objects.create(user=a_user(), **{**sound, **fields})


def test_two_tokens_never_share_a_digest(a_user):
    fields = {"purpose": "verify", "digest": "a" * 64, "expires_at": timezone.now() + timedelta(days=1)}
    user = a_user()
    MailedToken.objects.create(user=user, **fields)

    with refused("accounts_token_digest_unique"):
        MailedToken.objects.create(user=user, **fields)


def test_a_project_has_a_name(a_user):
    with refused("accounts_project_name_given"):
        Project.objects.create(owner=a_user(), name="")


def test_a_browser_has_one_user_at_a_time(a_user):
    PushSubscription.objects.create(user=a_user(), endpoint="https://push.example/1")

    with refused("accounts_push_endpoint_unique"):
        PushSubscription.objects.create(user=a_user("b@example.org"), endpoint="https://push.example/1")


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"url": ""}, "accounts_webhook_url_given"),
        ({"events": []}, "accounts_webhook_events_given"),
        ({"events": ["video.ready", "video.eaten"]}, "accounts_webhook_events_known"),
        ({"sealed_secret": "whsec_c2VjcmV0"}, "accounts_webhook_secret_sealed"),
        ({"sealed_secret": ""}, "accounts_webhook_secret_sealed"),
    ],
)
def test_a_webhook_that_makes_no_sense_is_refused(a_user, fields, constraint):
    sound = {
        "url": "https://hooks.example/1",
        "events": ["video.ready"],
        "sealed_secret": sealing.seal("secret"),
    }
    user = a_user()
    Webhook.objects.create(user=user, **sound)

    with refused(constraint):
        Webhook.objects.create(user=user, **{**sound, **fields})


def test_a_deletion_outlives_its_user(a_user):
    user = a_user()
    deletion = Deletion.objects.create(user_id=user.pk)

    user.delete()

    assert Deletion.objects.filter(pk=deletion.pk).exists()


def test_a_user_is_deleted_once(a_user):
    user = a_user()
    Deletion.objects.create(user_id=user.pk)

    with refused("accounts_deletion_once_a_user"):
        Deletion.objects.create(user_id=user.pk)


@pytest.mark.parametrize(
    "fields", [{"state": DeletionState.DONE}, {"finished_at": timezone.now()}, {"state": "lost"}]
)
def test_a_deletion_is_done_exactly_when_it_is_finished(a_user, fields):
    with refused("accounts_deletion_done_when_finished"):
        Deletion.objects.create(user_id=a_user().pk, **fields)


def test_a_step_of_a_deletion_is_a_known_one_and_there_once(a_user):
    deletion = Deletion.objects.create(user_id=a_user().pk)
    DeletionStep.objects.create(deletion=deletion, name="files")

    with refused("accounts_deletion_step_known"), transaction.atomic():
        DeletionStep.objects.create(deletion=deletion, name="secrets")
    with refused("accounts_deletion_step_once"), transaction.atomic():
        DeletionStep.objects.create(deletion=deletion, name="files")
    with refused("accounts_deletion_step_state_known"):
        DeletionStep.objects.create(deletion=deletion, name="assets", state="lost")


@pytest.mark.parametrize("fields", [{"state": ExportState.READY}, {"finished_at": timezone.now()}])
def test_an_export_is_ready_exactly_when_it_is_finished(a_user, fields):
    with refused("accounts_export_ready_when_finished"):
        Export.objects.create(user=a_user(), **fields)


def test_one_export_of_a_user_runs_at_a_time(a_user):
    user = a_user()
    Export.objects.create(user=user)

    with refused("accounts_export_one_running_a_user"):
        Export.objects.create(user=user)
