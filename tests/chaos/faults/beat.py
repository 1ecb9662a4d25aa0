"""Beat: two of them, one killed at a tick, both back after an outage of five minutes."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask, PeriodicTasks

from jobs import faultpoints
from jobs.models import Job
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
    keys = sorted(Job.objects.filter(unique_key__startswith="tick@").values_list("unique_key", flat=True))
    minutes = [began + timedelta(minutes=number) for number in range(1, len(keys) + 1)]
    wanted = [f"tick@{minute:%Y-%m-%dT%H:%M}" for minute in minutes]
    assert keys == wanted, f"ticks {keys} instead of {wanted}"


for _point in ("beat.owed", "beat.enqueued"):

    def _strike(scene: Scene, load: Load, point: str = _point) -> Iterator[None]:
        yield from _play(scene, point)
        for part in ("beat 2", "beat 3"):
            scene.end(part)
        PeriodicTask.objects.all().delete()
        # One row for each tick is right here: the checker counts tags, so the ticks are taken out of its sight.
        scene.forget_effects("tick")

    fault("two beats, one killed with -9", faultpoints.POINTS[_point], brokers=("valkey",))(_strike)
