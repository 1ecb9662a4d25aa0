"""When a failed job is tried again: by our own doubling, and as late as a provider asks for; seen at the provider."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from accounts.models import User
from accounts.push.models import PushSubscription
from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.asking.policy import JITTER
from celery_ledger.models import Job
from celery_ledger.states import JobState
from tests.chaos.load import Load
from tests.chaos.play import fault
from tests.chaos.scene import Scene
from tests.eventually import eventually
from tests.push_server import Browser, PushService

BASE_SECONDS = 1
DOUBLINGS = (1, 2, 4, 8)
MAILS = 6
BROWSERS = 4
ASKED_SECONDS = 4
REFUSALS = 2
#: From the instant at which an attempt is due to the provider's door, on a busy machine.
ON_ITS_WAY_SECONDS = 1.5


@fault(
    "the mail server says 451 four times to each mail",
    f"retried after {BASE_SECONDS} s, doubled",
    brokers=("valkey", "rabbitmq"),
    waves=False,
)
def doubling(scene: Scene, load: Load) -> Iterator[None]:
    scene.leave_to_others("mail")
    scene.start_worker("patient", JOB_RETRY_BASE_SECONDS=str(BASE_SECONDS))
    scene.set_mail("tempfail")
    for number in range(MAILS):
        load.mail(f"retried-{number}@chaos.test")
    seen = _watch("accounts.send_verification", MAILS * len(DOUBLINGS))
    yield
    scene.set_mail("ok")
    yield
    tries: dict[str, list[float]] = defaultdict(list)
    for address, at in (*scene.refused_mails(), *((mail.address, mail.at) for mail in scene.taken_mails())):
        tries[address].append(at)
    for address, moments in tries.items():
        _assert_waits(address, moments, [BASE_SECONDS * times for times in DOUBLINGS])
    _assert_visible(seen, [BASE_SECONDS * times for times in DOUBLINGS])


@fault(
    f"a push service says 429, Retry-After: {ASKED_SECONDS}, twice",
    "to each message, our own wait is shorter",
    brokers=("valkey", "rabbitmq"),
)
def asked_to_wait(scene: Scene, load: Load) -> Iterator[None]:
    service = PushService()
    scene.afterwards.callback(service.close)
    scene.leave_to_others("push")
    scene.start_worker("pushing", PUSH_PRIVATE_ORIGINS=service.origin)
    service.status, service.headers = 429, {"Retry-After": str(ASKED_SECONDS)}
    _push_to(service)
    seen = _watch("accounts.send_push", BROWSERS * REFUSALS)
    yield
    service.status, service.headers = 201, {}
    yield
    tries: dict[str, list[float]] = defaultdict(list)
    for (path, _headers, _body), at in zip(service.requests, service.came_at, strict=True):
        tries[path].append(at)
    assert len(tries) == BROWSERS
    for path, moments in tries.items():
        _assert_waits(path, moments, [ASKED_SECONDS] * REFUSALS)
    _assert_visible(seen, [ASKED_SECONDS] * REFUSALS)


def _push_to(service: PushService) -> None:
    user = User.objects.create_user("pushed@chaos.test", "irrelevant")
    browser = Browser()
    for number in range(BROWSERS):
        subscription = PushSubscription.objects.create(
            user=user, endpoint=f"{service.origin}/{number}", p256dh=browser.p256dh, auth=browser.auth
        )
        enqueue("accounts.send_push", subscription.pk, "Ready", "Your video is ready.", "/videos/1")


def _watch(name: str, count: int) -> dict[tuple[str, int], float]:
    """Look at the ledger until so many waits were seen there: by job and failed attempt, the seconds until `run_at`."""
    seen: dict[tuple[str, int], float] = {}

    def look() -> bool:
        for job in Job.objects.filter(name=name, state=JobState.RETRYING):
            failure = job.failures.last()
            seen[str(job.pk), failure.attempt] = (job.run_at - failure.at).total_seconds()
        assert len(seen) == count, f"{len(seen)} of {count} waits were seen in the ledger"
        return True

    eventually(look, 60)
    return seen


def _assert_waits(whose: str, moments: list[float], wanted: list[float]) -> None:
    waits = [later - earlier for earlier, later in pairwise(sorted(moments))]
    assert len(waits) == len(wanted), f"{whose} was tried {len(waits) + 1} times"
    for wait, least in zip(waits, wanted, strict=True):
        assert least <= wait <= least * (1 + JITTER) + ON_ITS_WAY_SECONDS, (
            f"{whose} was tried after {', '.join(f'{seconds:.2f}' for seconds in waits)} s instead of {wanted}"
        )


def _assert_visible(seen: dict[tuple[str, int], float], wanted: list[float]) -> None:
    for (job, attempt), wait in seen.items():
        least = wanted[attempt - 1]
        assert least <= wait <= least * (1 + JITTER) + 0.1, (
            f"{job}: run_at lies {wait:.2f} s ahead, not {least}"
        )
