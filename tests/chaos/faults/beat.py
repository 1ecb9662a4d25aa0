"""Beat: two of them, one killed at a tick, both back after an outage of five minutes."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask, PeriodicTasks

from jobs import faultpoints
from jobs.models import Job
from jobs.states import JobState
from tests.chaos.checker import all_effects
from tests.chaos.load import Load
from tests.chaos.play import fault
from tests.chaos.scene import Scene
from tests.eventually import eventually

MISSED = 5


def _play(scene: Scene, point: str) -> Iterator[None]:
    began = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=MISSED)
    crontab, _ = CrontabSchedule.objects.get_or_create(minute="*", timezone="UTC")
    PeriodicTask.objects.create(
        name="tick", task="chaos.leave", args='["tick"]', crontab=crontab, last_run_at=began, queue=None
    )
    PeriodicTasks.update_changed()
    victim = scene.start_beat("beat 1", FAULT_POINT=f"{point}:kill:1")
    scene.start_beat("beat 2")
    eventually(scene.strikes, 40)
    victim.process.wait(10)
    scene.start_beat("beat 3")
    eventually(lambda: Job.objects.filter(unique_key__startswith="tick@").count() >= MISSED, 30)
    yield
    ticks = Job.objects.filter(unique_key__startswith="tick@")
    keys = sorted(str(key) for key in ticks.values_list("unique_key", flat=True))
    minutes = [began + timedelta(minutes=number) for number in range(1, len(keys) + 1)]
    wanted = [f"tick@{minute:%Y-%m-%dT%H:%M}" for minute in minutes]
    assert keys == wanted, f"ticks {keys} instead of {wanted}"


for _point in ("beat.owed", "beat.enqueued"):

    def _strike(scene: Scene, load: Load, point: str = _point) -> Iterator[None]:
        yield from _play(scene, point)
        scene.end("beat 2")
        scene.end("beat 3")
        PeriodicTask.objects.all().delete()
        ticks = Job.objects.filter(unique_key__startswith="tick@")
        eventually(lambda: not ticks.exclude(state=JobState.SUCCEEDED).exists(), 30)
        # Here a tag stands for many jobs: each has left one row, and the checker need not see them.
        owners = sorted(effect.job_id for effect in all_effects() if effect.tag == "tick")
        assert owners == sorted(str(pk) for pk in ticks.values_list("pk", flat=True)), "a tick ran twice"
        scene.forget_effects("tick")

    fault("two beats, one killed with -9", faultpoints.POINTS[_point], brokers=("valkey",))(_strike)
