"""PostgreSQL: killed, its sessions ended, deadlocks and serialization failures."""

from collections.abc import Iterator

from tests.chaos.load import Load
from tests.chaos.play import await_running, fault, pause
from tests.chaos.scene import Scene

# No broker has a part in it, but recovery goes through one.
ANY = ("valkey", "rabbitmq")


@fault("kill -9 the database, start it again", "jobs run", brokers=ANY, second_mails=True, short=("valkey",))
def killed(scene: Scene, load: Load) -> Iterator[None]:
    load.row("under-way", 1)
    await_running()
    scene.kill_database()
    # Who asks now is told so: nothing is promised, nothing may happen.
    yield
    pause(2)
    scene.start_database()


@fault("end every database session", "jobs run", brokers=ANY, second_mails=True)
def sessions_ended(scene: Scene, load: Load) -> Iterator[None]:
    load.row("under-way", 1)
    await_running()
    for _ in range(3):
        scene.end_sessions()
        pause(0.3)
    yield


@fault("deadlocks", "two jobs lock two rows crosswise, ten pairs", brokers=("valkey",))
def deadlocks(scene: Scene, load: Load) -> Iterator[None]:
    for number in range(10):
        load.job("chaos.lock_both", f"crossed-{number}", 1 + number % 2, 2 - number % 2)
    yield


@fault(
    "serialization failures", "twelve serializable jobs write one row", brokers=("valkey",), quiet_seconds=90
)
def serialization(scene: Scene, load: Load) -> Iterator[None]:
    for number in range(12):
        load.job("chaos.read_then_write", f"serial-{number}")
    yield
