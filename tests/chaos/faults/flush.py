"""The broker loses all that it had, while chains and chords are under way."""

from collections.abc import Iterator

from celery_ledger import faultpoints
from tests.chaos.brokers import continue_all
from tests.chaos.load import Load
from tests.chaos.play import await_running, await_strike, fault
from tests.chaos.scene import Scene


@fault("the broker loses all its data", "jobs, chains and chords run", short=("valkey", "rabbitmq"))
def emptied(scene: Scene, load: Load) -> Iterator[None]:
    for number in range(3):
        load.chord(f"under-way-{number}", 6)
    await_running()
    scene.lose_all()
    yield
    scene.lose_all()


@fault("the broker loses all its data", faultpoints.POINTS["relay.sent"], armed="relay.sent:stop:1")
def emptied_under_the_relay(scene: Scene, load: Load) -> Iterator[None]:
    await_strike(scene, load)
    scene.lose_all()
    continue_all([pid for _, pid, _ in scene.strikes()])
    yield


@fault("kill -9 the broker, start it again empty", "jobs run")
def killed_and_emptied(scene: Scene, load: Load) -> Iterator[None]:
    load.row("under-way", 2)
    await_running()
    scene.broker.kill()
    yield
    scene.broker.start(empty=True)
