from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from knox.models import AuthToken

from accounts import projects
from accounts.account_deletion import deletion
from accounts.account_deletion.models import Deletion, DeletionState, DeletionStep
from accounts.errors import WrongPassword
from accounts.exports import export
from accounts.exports.models import Export
from accounts.mail import mailed_tokens
from accounts.mail.models import MailedToken, TokenPurpose
from accounts.models import Project, User
from accounts.signup import registration
from accounts.webhooks import webhook_events
from accounts.webhooks.models import Webhook
from api.models import IdempotencyKey
from celery_ledger.models import Job
from tests.unit.accounts.conftest import PASSWORD

STEPS = ["projects", "files", "assets", "user_data"]

left: dict[str, int] = {}


def erase_two(user_id):
    """Stand in for another app's eraser: it has five things, and takes two at a time."""
    taken = min(2, left.get(user_id, 0))
    left[user_id] = left.get(user_id, 0) - taken
    return taken


def fail_after_two(user_id):
    if left[user_id] == 3:
        raise ConnectionError("storage went away")
    return erase_two(user_id)


@pytest.fixture(autouse=True)
def erasers(settings):
    path = f"{__name__}:erase_two"
    settings.ACCOUNT_ERASERS = {"files": path, "assets": path}
    left.clear()


def begin(user):
    return str(deletion.request_deletion(None, user, PASSWORD).pk)


def jobs_of_deletions():
    """Return the jobs that delete; the one that mails a notice is apart."""
    return Job.objects.filter(name__startswith="accounts.delete_")


def deleted(deletion_id, name):
    step = DeletionStep.objects.get(deletion_id=deletion_id, name=name)
    return step.state, step.deleted


def test_asking_writes_four_running_steps_and_a_job_for_each(a_user):
    begun = begin(a_user())

    steps = DeletionStep.objects.filter(deletion_id=begun)
    assert list(steps.values_list("name", "state", "deleted")) == [(name, "running", 0) for name in STEPS]
    assert sorted(jobs_of_deletions().values_list("name", flat=True)) == sorted(
        f"accounts.delete_{name}" for name in STEPS
    )


def test_the_jobs_of_a_deletion_share_one_root(a_user):
    begin(a_user())

    assert jobs_of_deletions().values("root_id").distinct().count() == 1


def test_a_wrong_password_begins_nothing(a_user):
    user = a_user()

    with pytest.raises(WrongPassword):
        deletion.request_deletion(None, user, "wrong")

    user.refresh_from_db()
    assert user.is_active
    assert not Deletion.objects.exists()
    assert not Job.objects.exists()


def test_every_login_ends_at_once(a_user, client):
    user = a_user()
    AuthToken.objects.create(user=user)
    client.force_login(user)
    assert client.get("/api/account").status_code == 200

    begin(user)

    assert not AuthToken.objects.exists()
    assert client.get("/api/account").status_code == 401
    assert client.login(username="ada@example.org", password=PASSWORD) is False


def test_the_address_is_free_at_once_and_gone_from_the_row(a_user, asked_for):
    user = a_user("ada@example.org", name="Ada")
    begin(user)

    registration.sign_up("ada@example.org", PASSWORD, "")

    newcomer = User.objects.get(email="ada@example.org")
    assert newcomer.pk != user.pk
    assert asked_for("accounts.send_verification") == [[str(newcomer.pk)]]
    user.refresh_from_db()
    assert "ada" not in f"{user.email} {user.name}".lower()


@pytest.mark.django_db(transaction=True)
def test_asking_twice_at_once_begins_one_deletion(a_user):
    user = a_user()
    start = Barrier(2)
    begun = []

    def ask():
        mine = User.objects.get(pk=user.pk)
        start.wait()
        try:
            begun.append(begin(mine))
        finally:
            connections.close_all()

    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(begun) == 2
    assert len(set(begun)) == 1
    assert jobs_of_deletions().count() == 4


def test_projects_are_deleted_in_batches_and_counted(a_user, settings):
    user = a_user()
    Project.objects.bulk_create(
        Project(owner=user, name=str(number)) for number in range(deletion.BATCH_ROWS + 3)
    )
    others = projects.add(a_user("b@example.org"), "theirs")
    begun = begin(user)

    deletion.delete_projects(begun)

    assert deleted(begun, "projects") == ("done", deletion.BATCH_ROWS + 3)
    assert list(Project.objects.all()) == [others]


def test_a_step_of_another_app_is_repeated_until_nothing_is_left(a_user):
    user = a_user()
    left[str(user.pk)] = 5
    begun = begin(user)

    deletion.delete_files(begun)

    assert left[str(user.pk)] == 0
    assert deleted(begun, "files") == ("done", 5)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_run_twice_reports_the_same_total(a_user, name):
    user = a_user()
    projects.add(user, "one")
    mailed_tokens.issue(user, TokenPurpose.RESET, timezone.now())
    left[str(user.pk)] = 1
    begun = begin(user)
    run = getattr(deletion, f"delete_{name}")

    run(begun)
    run(begun)

    assert deleted(begun, name) == ("done", 1)


def test_a_step_that_was_cut_off_goes_on_and_counts_all(a_user, settings):
    user = a_user()
    left[str(user.pk)] = 5
    begun = begin(user)
    settings.ACCOUNT_ERASERS = {**settings.ACCOUNT_ERASERS, "files": f"{__name__}:fail_after_two"}
    with pytest.raises(ConnectionError):
        deletion.delete_files(begun)
    assert deleted(begun, "files") == ("running", 2)
    settings.ACCOUNT_ERASERS = {**settings.ACCOUNT_ERASERS, "files": f"{__name__}:erase_two"}

    deletion.delete_files(begun)

    assert deleted(begun, "files") == ("done", 5)


def test_user_data_takes_everything_else_that_names_the_user(a_user):
    user = a_user()
    mailed_tokens.issue(user, TokenPurpose.VERIFY, timezone.now())
    wanted = export.request_export(user)
    export.write(str(wanted.pk))
    webhook_events.add(user, "https://hooks.example.org/1", ["video.ready"])
    others, _ = webhook_events.add(a_user("b@example.org"), "https://hooks.example.org/2", ["video.ready"])
    IdempotencyKey.objects.create(
        owner=f"user:{user.pk}",
        operation="POST /x",
        key="k",
        request_hash="h",
        status=201,
        created_at=timezone.now(),
    )
    begun = begin(user)

    deletion.delete_user_data(begun)

    assert deleted(begun, "user_data") == ("done", 4)
    assert list(Webhook.objects.all()) == [others]
    assert not MailedToken.objects.exists()
    assert not Export.objects.exists()
    assert not IdempotencyKey.objects.exists()
    assert not export.archive_path(wanted.pk).exists()


def test_finishing_removes_the_user_and_twice_is_as_once(a_user):
    user, other = a_user(), a_user("b@example.org")
    begun = begin(user)
    now = timezone.now()

    deletion.finish(begun, now)
    deletion.finish(begun, timezone.now())

    row = Deletion.objects.get(pk=begun)
    assert (row.state, row.finished_at) == (DeletionState.DONE, now)
    assert list(User.objects.all()) == [other]


def test_the_user_goes_after_all_four_steps():
    canvas: Any = deletion.work("some-id")

    assert sorted(part.task for part in canvas.tasks) == sorted(f"accounts.delete_{name}" for name in STEPS)
    assert canvas.body.task == "accounts.finish_deletion"
