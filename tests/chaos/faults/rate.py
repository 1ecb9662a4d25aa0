"""A provider's rate, held by few workers and by many, as the provider sees it."""

from collections.abc import Iterator
from statistics import mean

from celery_ledger.models import Job
from tests.chaos.load import Load
from tests.chaos.play import fault, pause
from tests.chaos.scene import Scene

RATE = 20
MAILS = 240
#: Of all workers together.
PROCESSES = 8
#: Of what can be used where each use counts until its mail is there, and for a second after that.
USED_SHARE = 0.9
#: A job of another queue waits for no mail: beside 20 mails a second it has its turn within this.
OTHERS_SECONDS = 3


def _play(scene: Scene, load: Load, workers: int) -> Iterator[None]:
    scene.leave_to_others("mail")
    for number in range(workers):
        processes = str(PROCESSES // workers)
        scene.start_worker(f"mailer {number}", "-c", processes, ready=False, EMAIL_RATE=f"{RATE}/s")
    for number in range(workers):
        scene.await_ready(scene.parts[f"mailer {number}"])
    for number in range(MAILS):
        load.mail(f"limited-{number}@chaos.test")
    yield
    for number in range(20):
        load.row(f"beside-{number}", 0.02)
        pause(0.3)
    yield
    _assert_rate([mail.at for mail in scene.taken_mails()])
    _assert_nobody_waited()
    spent = Job.objects.filter(name="accounts.send_verification", attempts__gt=1).count()
    assert spent == 0, f"{spent} mails have cost an attempt"


def _assert_rate(times: list[float]) -> None:
    most = max(sum(at <= other < at + 1 for other in times) for at in times)
    assert most <= RATE, f"{most} mails within a second instead of {RATE}"
    steady = times[RATE:]
    rate = (len(steady) - 1) / (steady[-1] - steady[0])
    usable = RATE / (1 + _seconds_on_its_way())
    assert rate >= usable * USED_SHARE, f"{rate:.1f} mails a second, {usable:.1f} could have been"


def _seconds_on_its_way() -> float:
    mails = Job.objects.filter(name="accounts.send_verification")
    return mean((mail.finished_at - mail.started_at).total_seconds() for mail in mails)


def _assert_nobody_waited() -> None:
    jobs = Job.objects.filter(args__0__startswith="beside-")
    waits = [(job.started_at - job.created_at).total_seconds() for job in jobs]
    assert max(waits) < OTHERS_SECONDS, (
        f"a job of another queue has waited {max(waits):.1f} s beside the mails"
    )


for _workers in (1, 4, 8):

    def _strike(scene: Scene, load: Load, workers: int = _workers) -> Iterator[None]:
        yield from _play(scene, load, workers)

    fault(
        f"{RATE} mails a second are allowed, {MAILS} wait",
        f"{PROCESSES} processes in {_workers} worker{'s' if _workers > 1 else ''}, other jobs beside them",
        brokers=("valkey", "rabbitmq"),
        waves=False,
        quiet_seconds=90,
    )(_strike)
