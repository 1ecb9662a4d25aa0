"""SIGTERM, and a job that ends its process each time."""

import signal
from collections.abc import Iterator

from jobs.models import Job, JobError
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


@fault("a job kills its process each time", "beside healthy ones")
def poisonous(scene: Scene, load: Load) -> Iterator[None]:
    for number in range(3):
        load.dead("chaos.die", f"deadly-{number}")
    yield
