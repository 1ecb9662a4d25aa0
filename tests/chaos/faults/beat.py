"""Beat: two of them, one killed at a tick, both back after an outage of five minutes."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask, PeriodicTasks

from celery_ledger import faultpoints
from celery_ledger.models import BeatEntry, Job, MissedTicks
from celery_ledger.states import JobState
from tests.chaos.checker import all_effects
from tests.chaos.load import Load
from tests.chaos.play import fault
from tests.chaos.scene import Scene
from tests.eventually import eventually

MISSED = 5


def every_minute() -> datetime:
    """Schedule a tick each minute, five of them missed already; return the moment before the first."""
    began = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=MISSED)
    crontab, _ = CrontabSchedule.objects.get_or_create(minute="*", timezone="UTC")
    PeriodicTask.objects.create(
        name="tick", task="chaos.leave", args='["tick"]', crontab=crontab, last_run_at=began, queue=None
    )
    PeriodicTask.objects.filter(name="tick").update(date_changed=began)
    BeatEntry.objects.update_or_create(
        name="tick", defaults={"missed": MissedTicks.EACH, "plan": "", "owed_since": None}
    )
    PeriodicTasks.update_changed()
    return began


def ticks() -> QuerySet[Job]:
    """Return the jobs of all ticks."""
    return Job.objects.filter(unique_key__startswith="tick@")


def check_ticks(began: datetime) -> None:
    """See that no minute is left out; one more than there is a key for can't be."""
    keys = sorted(str(key) for key in ticks().values_list("unique_key", flat=True))
    minutes = [began + timedelta(minutes=number) for number in range(1, len(keys) + 1)]
    wanted = [f"tick@{minute:%Y-%m-%dT%H:%M}" for minute in minutes]
    assert keys == wanted, f"ticks {keys} instead of {wanted}"


def settle_ticks(scene: Scene, *beats: str) -> None:
    """End the beats, and see that each tick that is due has left its one row; the checker need not see them.

    Here a tag stands for many jobs.
    """
    for beat in beats:
        scene.end(beat)
    PeriodicTask.objects.all().delete()
    ticks().filter(state=JobState.SCHEDULED).delete()
    eventually(lambda: not ticks().exclude(state=JobState.SUCCEEDED).exists(), 30)
    owners = sorted(effect.job_id for effect in all_effects() if effect.tag == "tick")
    assert owners == sorted(str(pk) for pk in ticks().values_list("pk", flat=True)), "a tick ran twice"
    scene.forget_effects("tick")


def _play(scene: Scene, point: str) -> Iterator[None]:
    began = every_minute()
    victim = scene.start_beat("beat 1", FAULT_POINT=f"{point}:kill:1")
    scene.start_beat("beat 2")
    eventually(scene.strikes, 40)
    victim.process.wait(10)
    scene.start_beat("beat 3")
    eventually(lambda: ticks().count() >= MISSED, 30)
    yield
    check_ticks(began)
    settle_ticks(scene, "beat 2", "beat 3")


for _point in ("beat.owed", "beat.enqueued"):

    def _strike(scene: Scene, load: Load, point: str = _point) -> Iterator[None]:
        yield from _play(scene, point)

    fault("two beats, one killed with -9", faultpoints.POINTS[_point], brokers=("valkey",))(_strike)
