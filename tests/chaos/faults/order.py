"""Order: messages that come in another one, and many keys with failures and a worker that dies."""

import random
from collections.abc import Iterator
from itertools import accumulate

from celery_ledger.models import Job
from tests.chaos.checker import all_effects
from tests.chaos.faults.messages import QUEUE, send_again
from tests.chaos.load import Load
from tests.chaos.play import await_running, fault, pause
from tests.chaos.scene import Scene
from tests.eventually import eventually

POOL = 2
KEYS, JOBS_OF_A_KEY = 50, 20
FAILING_SHARE = 0.1
KILLS = 3


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


@fault(
    f"{KEYS} order keys of {JOBS_OF_A_KEY} jobs, a worker killed with -9 three times",
    "a tenth of the jobs fails at first",
    waves=False,
    quiet_seconds=240,
)
def many_keys(scene: Scene, load: Load) -> Iterator[None]:
    chance = random.Random(load.seed)
    tags = [[f"key-{key}-{number}" for number in range(JOBS_OF_A_KEY)] for key in range(KEYS)]
    for in_turn in zip(*tags, strict=True):
        for key, tag in enumerate(in_turn):
            fails = int(chance.random() < FAILING_SHARE)
            load.row(tag, chance.uniform(0, 0.4), fails, order_key=f"key-{key}")
    load.asked.in_order += tags
    scene.start_worker("more", "-c", "4")
    for _ in range(KILLS):
        victim = scene.start_worker("victim", "-c", "4")
        eventually(lambda: _running_on("victim") > 1, 60)
        victim.kill()
    yield
    yield
    at_once = _most_at_once()
    assert at_once > POOL, f"at most {at_once} keys ran at once"


def _running_on(worker: str) -> int:
    return Job.objects.filter(state="running", worker__startswith=worker).count()


def _most_at_once() -> int:
    """Return how many jobs ran at one instant, by what they noted."""
    effects = all_effects()
    changes = [(effect.started, 1) for effect in effects] + [(effect.ended, -1) for effect in effects]
    return max(accumulate(change for _at, change in sorted(changes)))
