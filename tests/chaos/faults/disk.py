"""A full disk: the database's, and that of jobs which write files."""

from collections.abc import Iterator

from celery_ledger.models import JobError
from tests.chaos.disk import missing_for_disk
from tests.chaos.load import Load
from tests.chaos.play import await_running, fault, pause
from tests.chaos.scene import Scene
from tests.chaos.visitor import Visitor

MOST_THAT_FITS = 2000


@fault(
    "the database's disk is full for 5 s",
    "jobs run",
    brokers=("valkey",),
    late=True,
    lacks=missing_for_disk,
    second_mails=True,
)
def database(scene: Scene, load: Load) -> Iterator[None]:
    disk = scene.move_to_small_disk()
    with Visitor(scene, load) as visitor:
        load.wave()
        load.row("under-way", 1)
        await_running()
        disk.fill()
        _ask_until_refused(load)
        answers = [visitor.sign_up(f"visitor-{number}@chaos.test") for number in range(20)]
        assert set(answers) <= {201, 503}, f"signups without a place for them were answered {set(answers)}"
        assert 503 in answers, "no signup was told that there is no place for it"
        yield
        pause(5)
        disk.drain()
    assert "DiskFull" in load.asked.refusals, f"refused for {set(load.asked.refusals)}"


@fault(
    "the disk for files is full for 3 s", "jobs write", brokers=("valkey",), late=True, lacks=missing_for_disk
)
def files(scene: Scene, load: Load) -> Iterator[None]:
    disk = scene.small_disk_for_files()
    load.wave()
    await_running()
    disk.fill()
    for number in range(6):
        load.file(f"no-room-{number}")
    yield
    pause(3)
    disk.drain()
    told = JobError.objects.filter(job__name="chaos.write", message__contains="No space left")
    assert told.exists(), "no job has met the full disk"


def _ask_until_refused(load: Load) -> None:
    """Use up what room the tables themselves still have."""
    for number in range(MOST_THAT_FITS):
        load.row(f"last-{number}")
        if load.asked.refusals:
            return
    raise AssertionError("the disk is full, and the database takes everything")
