"""Order: messages that come in another one, and many keys with failures and a worker that dies."""

import random
from collections.abc import Iterator

from jobs.models import Job
from tests.chaos.faults.messages import QUEUE, send_again
from tests.chaos.load import Load
from tests.chaos.play import await_running, fault, pause
from tests.chaos.scene import Scene
from tests.eventually import eventually

POOL = 2


@fault("messages out of order", "reversed, then shuffled, while the jobs wait", late=True)
def shuffled(scene: Scene, load: Load) -> Iterator[None]:
    for number in range(POOL * 2):
        load.row(f"occupies-{number}", 2)
    await_running(POOL)
    for number in range(8):
        load.keyed(f"key-{number}", 6)
        load.chain(f"chain-{number}")
    # A message for each job, those included whose turn comes last.
    send_again(Job.objects.filter(order_key__startswith="key-"))
    eventually(lambda: scene.broker.waiting(QUEUE) > Job.objects.filter(state="queued").count() / 2, 20)
    moved = scene.broker.reorder(QUEUE, list.reverse)
    assert moved > POOL, f"only {moved} messages waited"
    yield
    chance = random.Random(load.seed)
    for _ in range(5):
        pause(0.3)
        scene.broker.reorder(QUEUE, chance.shuffle)
