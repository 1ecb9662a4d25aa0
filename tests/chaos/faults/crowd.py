"""Twenty workers at once, each with a relay of its own."""

from collections.abc import Iterator

from celery_ledger.models import Job
from tests.chaos.load import Load
from tests.chaos.play import fault
from tests.chaos.scene import Scene
from tests.eventually import eventually

WORKERS = 20
#: Forty Python programs start on however few cores there are.
START_SECONDS = 300
ROWS = 400


@fault(
    f"{WORKERS} workers, two killed with -9",
    "under load",
    late=True,
    size=2,
    quiet_seconds=120,
)
def twenty(scene: Scene, load: Load) -> Iterator[None]:
    names = [f"worker-{number}" for number in range(1, WORKERS)]  # the company is the twentieth
    for name in names:
        scene.start_worker(name, "-c", "1", ready=False)
    for name in names:
        scene.await_ready(scene.parts[name], START_SECONDS)
    load.wave(2)
    for number in range(ROWS):
        load.row(f"crowd-{number}", 0.5)
    for name in eventually(lambda: _two_busy(names), 60):
        scene.parts[name].kill()
    yield
    yield
    nodes = {worker.partition("@")[0] for worker in Job.objects.values_list("worker", flat=True)}
    idle = {*names, "company"} - nodes
    assert not idle, f"{len(idle)} workers have done nothing: {sorted(idle)}"


def _two_busy(names: list[str]) -> list[str]:
    running = Job.objects.filter(state="running").values_list("worker", flat=True)
    busy = [name for name in names if any(worker.startswith(f"{name}@") for worker in running)]
    assert len(busy) > 1, f"only {busy} of all workers have something to do"
    return busy[:2]
