"""SIGTERM, and jobs that end their process each time."""

import signal
from collections import Counter
from collections.abc import Iterator

from django.conf import settings

from celery_ledger.models import Job, JobError
from tests.chaos.app.crashes import WAYS
from tests.chaos.load import Load
from tests.chaos.play import fault, pause
from tests.chaos.scene import Scene
from tests.eventually import eventually


@fault("SIGTERM a worker twice", "under load")
def told_twice(scene: Scene, load: Load) -> Iterator[None]:
    victim = scene.start_worker("victim")
    for number in range(4):
        load.row(f"long-{number}", 6)
    mine = Job.objects.filter(args__0__startswith="long-", state="running", worker__startswith="victim")
    eventually(mine.count, 30)
    victim.process.send_signal(signal.SIGTERM)
    pause(1)
    victim.process.send_signal(signal.SIGTERM)
    yield
    victim.process.wait(15)
    # A claim that was not handed back costs its attempt only when the lease runs out.
    eventually(
        lambda: not Job.objects.filter(args__0__startswith="long-").exclude(state="succeeded").exists(), 40
    )
    charged = JobError.objects.filter(job__name="chaos.leave", fate="lost").values_list(
        "job__args", flat=True
    )
    assert not list(charged), f"a stop has cost an attempt: {list(charged)}"


@fault("a job crashes its process each time", f"beside healthy ones: {', '.join(WAYS)}")
def crashing(scene: Scene, load: Load) -> Iterator[None]:
    for way in WAYS:
        load.dead("chaos.crash", way)
    yield
    yield
    attempts = Counter(
        JobError.objects.values_list("job__args__0", flat=True).filter(job__name="chaos.crash")
    )
    wanted = dict.fromkeys(WAYS, settings.JOB_MAX_ATTEMPTS)
    assert attempts == wanted, f"recorded attempts: {dict(attempts)}"
    # Nobody else takes it where one of them has ended the worker, too.
    load.row("after-them")
    eventually(lambda: Job.objects.filter(args__0="after-them", state="succeeded").exists(), 10)
