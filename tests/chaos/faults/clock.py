"""A host whose clock is five minutes wrong: its worker claims, its relay publishes and rescues, its beat ticks."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from celery_ledger.models import Job, JobError
from celery_ledger.states import JobState
from tests.chaos.faults.beat import check_ticks, every_minute, settle_ticks, ticks
from tests.chaos.load import Load
from tests.chaos.play import fault
from tests.chaos.scene import LEASE_SECONDS, Part, Scene
from tests.eventually import eventually

SKEW = timedelta(minutes=5)
DELAY_SECONDS = 4
#: From the moment at which a job falls due to its first line, beside the load of a wave.
PUNCTUAL_SECONDS = 3
HELD = 4


def _play(scene: Scene, load: Load, skew: timedelta) -> Iterator[None]:
    host = {"DJANGO_SETTINGS_MODULE": "tests.chaos.app.skewed", "SKEW_SECONDS": str(skew.total_seconds())}
    scene.start_worker("skewed", **host)
    _assert_wrong(scene.parts["skewed"], skew)
    doomed = scene.start_worker("doomed")
    # The only relay left is one that is wrong: what is published and rescued is so by its clock, if by any.
    for part in (scene.company, doomed):
        part.relay().suspend()
    try:
        began = every_minute()
        scene.start_beat("beat")
        scene.start_beat("skewed beat", **host)
        load.wave()
        for number in range(6):
            load.row(f"delayed-{number}", delay_seconds=DELAY_SECONDS)
        eventually(lambda: _all_done("delayed-"), 30)
        for number in range(HELD * 2):
            load.row(f"held-{number}", 1.5 * LEASE_SECONDS)
        lost = eventually(lambda: _kill_holding(doomed), 30)
        yield
        eventually(lambda: _all_done("held-"), 60)
    finally:
        scene.company.relay().resume()
    _assert_punctual()
    _assert_rescued_alone(lost)
    check_ticks(began)
    _assert_no_tick_early()
    settle_ticks(scene, "beat", "skewed beat")


def _assert_wrong(part: Part, skew: timedelta) -> None:
    """Look into its log, relay included: the fault must be there."""
    eventually(lambda: part.said("relay_started"), 20)
    [line] = [line for line in part.log.read_text().splitlines() if "relay_started" in line]
    said = datetime.fromisoformat(json.loads(line)["timestamp"])
    assert abs(said - timezone.now() - skew) < timedelta(minutes=1), f"the relay's clock says {said}"


def _kill_holding(doomed: Part) -> int:
    held = Job.objects.filter(
        state=JobState.RUNNING, worker__startswith="doomed", args__0__startswith="held-"
    )
    count = held.count()
    if count == 2:
        doomed.kill()
    return count == 2 and count


def _all_done(prefix: str) -> bool:
    waiting = Job.objects.filter(args__0__startswith=prefix).exclude(state=JobState.SUCCEEDED)
    still = list(waiting.values_list("args__0", "state", "worker"))
    assert not still, f"not done: {still}"
    return True


def _assert_punctual() -> None:
    for job in Job.objects.filter(args__0__startswith="delayed-"):
        late = (job.started_at - job.created_at).total_seconds() - DELAY_SECONDS
        assert 0 <= late < PUNCTUAL_SECONDS, f"{job.args[0]} began {late:.1f} s after its time"


def _assert_rescued_alone(lost: int) -> None:
    taken = JobError.objects.filter(fate="lost").values_list("job__args", "worker", "message")
    assert len(taken) == lost, f"{lost} jobs were lost, and these were taken away: {list(taken)}"


def _assert_no_tick_early() -> None:
    for key, started in ticks().values_list("unique_key", "started_at"):
        due = datetime.fromisoformat(key.removeprefix("tick@")).replace(tzinfo=UTC)
        assert started is None or started >= due, f"{key} ran {due - started} before its time"


for _skew, _words in ((SKEW, "ahead"), (-SKEW, "behind")):

    def _strike(scene: Scene, load: Load, skew: timedelta = _skew) -> Iterator[None]:
        yield from _play(scene, load, skew)

    fault(
        f"the clock of a host is 5 minutes {_words}",
        "its worker, relay and beat run",
        brokers=("valkey", "rabbitmq"),
        late=True,
        quiet_seconds=90,
    )(_strike)
