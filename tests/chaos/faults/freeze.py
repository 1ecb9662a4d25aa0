"""SIGSTOP longer than the lease, then SIGCONT: who wakes up must not settle over its successor."""

import os
import signal
from collections.abc import Iterator

from celery_ledger import faultpoints
from tests.chaos.brokers import continue_all
from tests.chaos.load import Load
from tests.chaos.play import await_running, await_strike, fault, pause
from tests.chaos.scene import LEASE_SECONDS, REPUBLISH_SECONDS, Scene
from tests.eventually import eventually

LONGER_THAN_A_LEASE = LEASE_SECONDS + 2.5
#: Frozen here a process holds no lock on its job: another one has taken the job when it wakes up.
HOLDS_A_LEASE_ALONE = {"run.claimed", "run.ran"}


def frozen_pool_process(scene: Scene, load: Load) -> Iterator[None]:
    for number in range(8):
        load.row(f"struck-row-{number}", 0.1)
    await_strike(scene, load)
    load.wave()
    [(point, pid, _at)] = scene.strikes()
    pause(LONGER_THAN_A_LEASE)
    yield
    continue_all([pid])
    if point in HOLDS_A_LEASE_ALONE:
        eventually(lambda: scene.parts["victim"].said("job_superseded"), 20)


for point in ("run.delivered", "run.claimed", "run.ran", "settle.recorded"):
    fault(
        "freeze a pool process longer than its lease",
        faultpoints.POINTS[point],
        armed=f"{point}:stop:1",
        second_mails=point in ("run.ran", "settle.recorded"),
        short=("valkey",) if point == "run.ran" else (),
        late=True,
    )(frozen_pool_process)


@fault(
    "freeze a relay",
    faultpoints.POINTS["relay.taken"],
    armed="relay.taken:stop:1",
    brokers=("valkey", "rabbitmq", "sqs"),
)
def relay(scene: Scene, load: Load) -> Iterator[None]:
    await_strike(scene, load)
    pids = [pid for _, pid, _ in scene.strikes()]
    pause(REPUBLISH_SECONDS + 2)
    yield
    continue_all(pids)


@fault("freeze a whole worker longer than its leases", "jobs run")
def worker(scene: Scene, load: Load) -> Iterator[None]:
    victim = scene.start_worker("victim")
    load.wave()
    await_running(2)
    os.killpg(victim.pid, signal.SIGSTOP)
    pause(LONGER_THAN_A_LEASE)
    yield
    os.killpg(victim.pid, signal.SIGCONT)


@fault("freeze the broker for 8 s", "jobs run")
def broker(scene: Scene, load: Load) -> Iterator[None]:
    await_running()
    scene.broker.freeze()
    try:
        yield
        pause(8)
    finally:
        scene.broker.thaw()


@fault("freeze the database for 6 s", "jobs run", brokers=("valkey",))
def database(scene: Scene, load: Load) -> Iterator[None]:
    await_running()
    scene.freeze_database()
    pause(LONGER_THAN_A_LEASE)
    scene.thaw_database()
    yield
