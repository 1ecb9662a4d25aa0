"""The schedule in the admin says which entries beat refuses."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from celery_ledger.models import BeatEntry
from celery_ledger.schedule.schedule_entries import WITHDRAWN

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("admin@example.org", "a long password"))
    return client


def test_an_entry_that_is_refused_is_marked_in_the_list_and_on_its_page(admin):
    every = IntervalSchedule.objects.create(every=1, period="hours")
    entry = PeriodicTask.objects.create(name="bad", task="test.note", interval=every)
    BeatEntry.objects.create(name="bad", refused="its interval is 0")

    for page in ("", f"{entry.pk}/change/"):
        shown = admin.get(f"/admin/django_celery_beat/periodictask/{page}").content.decode()
        assert "refused: its interval is 0" in shown


def test_an_entry_of_the_code_says_how_long_an_edit_lasts(admin):
    every = IntervalSchedule.objects.create(every=1, period="hours")
    PeriodicTask.objects.create(name="shipped", task="test.note", interval=every)
    BeatEntry.objects.create(name="shipped", shipped="{}")

    shown = admin.get("/admin/django_celery_beat/periodictask/").content.decode()

    assert "edits last until a release changes it" in shown


def test_an_entry_that_the_code_no_longer_has_says_so(admin):
    every = IntervalSchedule.objects.create(every=1, period="hours")
    PeriodicTask.objects.create(name="removed", task="test.note", interval=every, enabled=False)
    BeatEntry.objects.create(name="removed", shipped=WITHDRAWN)

    shown = admin.get("/admin/django_celery_beat/periodictask/").content.decode()

    assert "disabled: the code no longer has it" in shown


def test_the_policy_of_an_entry_can_be_set_and_a_running_beat_reads_it(admin):
    BeatEntry.objects.create(name="hourly")

    admin.post("/admin/celery_ledger/beatentry/hourly/change/", {"missed": "skip"})

    assert BeatEntry.objects.get().missed == "skip"
    assert PeriodicTasks.last_change()
