import json
import os
from typing import Any
from zipfile import ZipFile

import pytest
from django.utils import timezone

from accounts import projects
from accounts.exports import export
from accounts.exports.models import Export
from accounts.push.models import PushSubscription
from accounts.webhooks import webhook_events
from celery_ledger.models import Job

extra: dict[str, Any] = {}


def contribute(user_id):
    yield "extra/words.json", {"of": user_id}
    if extra.get("fails"):
        raise ConnectionError("storage went away")
    if extra.get("file"):
        yield "extra/film.bin", extra["file"]


@pytest.fixture(autouse=True)
def exporters(settings):
    settings.ACCOUNT_EXPORTERS = [f"{__name__}:contribute"]
    extra.clear()


def begin(user):
    return str(export.request_export(user).pk)


def read(export_id):
    with ZipFile(export.archive_path(export_id)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_asking_writes_a_running_export_and_its_job(a_user, asked_for):
    wanted = begin(a_user())

    assert Export.objects.get().state == "running"
    assert asked_for("accounts.write_export") == [[wanted]]


def test_asking_again_while_it_runs_gives_the_same_export_and_another_try(a_user, asked_for):
    user = a_user()

    assert begin(user) == begin(user)

    assert len(asked_for("accounts.write_export")) == 2


def test_the_archive_holds_profile_projects_browsers_and_webhooks(a_user):
    user = a_user(name="Ada")
    project = projects.add(user, "Films")
    projects.add(a_user("b@example.org"), "not mine")
    PushSubscription.objects.create(user=user, endpoint="https://push.example/1", p256dh="k", auth="secret")
    webhook, signing = webhook_events.add(user, "https://hooks.example/1", ["video.ready"])
    wanted = begin(user)

    export.write(wanted)

    files = read(wanted)
    profile = json.loads(files["profile.json"])
    assert (profile["id"], profile["email"], profile["name"]) == (str(user.pk), "ada@example.org", "Ada")
    assert "password" not in profile
    (only,) = json.loads(files["projects.json"])
    assert (only["id"], only["name"]) == (str(project.pk), "Films")
    assert json.loads(files["browsers.json"])[0]["endpoint"] == "https://push.example/1"
    assert b"secret" not in files["browsers.json"]
    (hook,) = json.loads(files["webhooks.json"])
    assert (hook["id"], hook["url"]) == (str(webhook.pk), "https://hooks.example/1")
    assert hook["events"] == ["video.ready"]
    assert not {signing, webhook.sealed_secret} & set(map(str, hook.values()))


def test_the_archive_holds_what_other_apps_contribute(a_user, tmp_path):
    extra["file"] = tmp_path / "film.bin"
    extra["file"].write_bytes(b"\x00" * 1000)
    user = a_user()
    wanted = begin(user)

    export.write(wanted)

    files = read(wanted)
    assert json.loads(files["extra/words.json"]) == {"of": str(user.pk)}
    assert files["extra/film.bin"] == b"\x00" * 1000
    assert Export.objects.get().state == "ready"


def test_an_attempt_that_fails_leaves_no_file_and_the_next_one_writes_it(a_user):
    wanted = begin(a_user())
    extra["fails"] = True
    with pytest.raises(ConnectionError):
        export.write(wanted)
    assert list(export.archive_path(wanted).parent.iterdir()) == []
    assert Export.objects.get().state == "running"
    extra.clear()

    export.write(wanted)

    assert read(wanted)


def test_writing_twice_writes_once(a_user):
    wanted = begin(a_user())
    export.write(wanted)
    first = (os.stat(export.archive_path(wanted)).st_ino, Export.objects.get().finished_at)  # noqa: PTH116

    export.write(wanted)

    assert (os.stat(export.archive_path(wanted)).st_ino, Export.objects.get().finished_at) == first  # noqa: PTH116


def test_nothing_is_written_for_a_user_who_left(a_user):
    user = a_user()
    wanted = begin(user)
    user.delete()

    export.write(wanted)

    assert not export.archive_path(wanted).exists()


def test_discarding_removes_row_and_file_and_twice_is_as_once(a_user):
    user = a_user()
    wanted = begin(user)
    export.write(wanted)

    assert export.discard(user.exports.all()) == 1
    assert export.discard(user.exports.all()) == 0

    assert not export.archive_path(wanted).exists()
    assert not Export.objects.exists()


def made(user):
    wanted = begin(user)
    export.write(wanted)
    return wanted


def test_a_new_archive_replaces_the_old_one_and_its_file(a_user):
    user = a_user()
    others = made(a_user("b@example.org"))
    old = made(user)
    new = begin(user)
    assert export.archive_path(old).exists()  # until the new one is there

    export.write(new)

    assert {str(each.pk) for each in Export.objects.all()} == {others, new}
    assert not export.archive_path(old).exists()
    assert read(new)
    assert read(others)


def test_five_exports_one_after_another_leave_one_file(a_user):
    user = a_user()

    for _ in range(5):
        last = made(user)

    assert [path.stem for path in export.archive_path(last).parent.iterdir()] == [last]


def test_an_attempt_that_was_cut_off_before_the_old_one_went_is_ended_by_the_next(a_user):
    user = a_user()
    old = made(user)
    new = begin(user)
    Export.objects.filter(pk=new).update(state="ready", finished_at=timezone.now())

    export.write(new)

    assert not export.archive_path(old).exists()
    assert [str(each.pk) for each in Export.objects.all()] == [new]


def test_two_jobs_of_a_users_exports_never_run_at_once(a_user):
    user = a_user()
    begin(user)
    begin(user)

    assert set(Job.objects.values_list("order_key", flat=True)) == {f"export:{user.pk}"}


def test_its_owner_is_told_once_that_it_is_ready(a_user, asked_for):
    user = a_user()
    wanted = made(user)

    export.write(wanted)

    assert asked_for("accounts.send_notice") == [[str(user.pk), "export_ready"]]


def test_the_archive_lists_logins_without_what_they_are_proven_by(a_user, logged_in):
    user = a_user()
    logged_in(user)

    (login,) = json.loads(read(made(user))["logins.json"])

    assert login["kind"] == "token"
    assert not {"token", "token_id", "digest"} & set(login)
