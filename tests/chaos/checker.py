"""The history checker: what was asked for beside what happened, after every fault.

(1) what was committed is done; (2) what was rolled back never ran; (3) an effect is there once; (4) no job had more
attempts than it may; (5) order keys and chains ran in order, one at a time; (6) mails came once, or with one
Message-ID where two are allowed; (7) the queues are empty; (8) no process is left over.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from django.db import connection
from django.db.models import F

from accounts.models import User
from celery_ledger.models import Job
from celery_ledger.states import FINISHED, UNFINISHED, JobState
from config.queues import NAMES
from tests.chaos.app import effects
from tests.chaos.app.effects import Effect
from tests.chaos.load import Asked
from tests.chaos.scene import LEASE_SECONDS, Mail, Scene
from tests.eventually import eventually


@dataclass
class Verdict:
    """The counts of one fault, and every breach in words."""

    asked: int = 0
    done: int = 0
    lost: int = 0
    doubled: int = 0
    seconds: list[float] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)


def all_effects() -> list[Effect]:
    """Return every row that a job has left."""
    with connection.cursor() as cursor:
        cursor.execute("select tag, job_id, attempt, started, ended from chaos_effect order by started")
        return [Effect(*row) for row in cursor.fetchall()]


def check(scene: Scene, asked: Asked, *, second_mails: bool) -> Verdict:
    """Return what became of what was asked for. `second_mails`: a worker may have died after the server's 250."""
    rows = Counter(effect.tag for effect in all_effects())
    files = Counter(file.name for file in effects.folder().glob("*") if not file.name.startswith("."))
    mails = scene.taken_mails()
    copies = Counter(mail.address for mail in mails)
    asked = _without_never_committed(asked)
    seen = {**rows, **files, **copies}
    expected = asked.rows | asked.files | asked.addresses
    verdict = Verdict(asked=len(expected))
    verdict.done = sum(1 for tag in expected if seen.get(tag))
    verdict.lost = verdict.asked - verdict.done
    verdict.doubled = sum(count - 1 for tag, count in seen.items() if count > 1 and tag not in copies)
    if not second_mails:
        verdict.doubled += sum(count - 1 for count in copies.values())
    verdict.breaches += [f"lost: {tag}" for tag in sorted(expected) if not seen.get(tag)]
    verdict.breaches += [
        f"doubled: {tag} {count} times"
        for tag, count in seen.items()
        if count > 1 and not (second_mails and tag in copies)
    ]
    verdict.breaches += [f"never asked for: {tag}" for tag in sorted(seen.keys() - expected - {"mode"})]
    verdict.breaches += _half_files(asked)
    verdict.breaches += _ledger(asked)
    verdict.breaches += _order(asked)
    verdict.breaches += _message_ids(mails)
    verdict.breaches += _left_overs(scene)
    return verdict


def all_finished() -> bool:
    """Return whether no job waits or runs any more."""
    return not Job.objects.filter(state__in=UNFINISHED).exists()


def _without_never_committed(asked: Asked) -> Asked:
    """Leave out what was asked for in doubt and stands nowhere: all of a canvas, or none of it."""
    if not asked.doubtful:
        return asked
    known = {str(tag) for args in Job.objects.values_list("args", flat=True) for tag in args}
    canvases = str(list(Job.objects.exclude(canvas={}).values_list("canvas", flat=True)))
    users = set(User.objects.values_list("email", flat=True))
    gone = {
        tag for tag in asked.doubtful if tag not in known and tag not in users and repr(tag) not in canvases
    }
    return Asked(
        rows=asked.rows - gone,
        files=asked.files - gone,
        addresses=asked.addresses - gone,
        rolled_back=asked.rolled_back,
        in_order=[[tag for tag in tags if tag not in gone] for tags in asked.in_order],
        dead=asked.dead,
    )


def _half_files(asked: Asked) -> Iterable[str]:
    for tag in asked.files:
        file = effects.folder() / tag
        if file.exists() and file.read_text() != f"{tag} whole":
            yield f"half a file: {tag}"


def _ledger(asked: Asked) -> Iterable[str]:
    for tag in asked.rolled_back:
        if Job.objects.filter(args__0=tag).exists():
            yield f"rolled back, and in the ledger: {tag}"
    for job in Job.objects.filter(attempts__gt=F("max_attempts")):
        yield f"more attempts than allowed: {job}"
    dead = Counter(Job.objects.filter(state=JobState.DEAD).values_list("name", flat=True))
    if dead != Counter(asked.dead):
        reasons = list(Job.objects.filter(state=JobState.DEAD).values_list("name", "error")[:5])
        yield f"dead: {dict(dead)} instead of {asked.dead}: {reasons}"
    for job in Job.objects.exclude(state__in=FINISHED)[:5]:
        yield f"not finished: {job} attempts={job.attempts} publications={job.publications}"


def _order(asked: Asked) -> Iterable[str]:
    first = {effect.tag: effect for effect in reversed(all_effects())}
    for tags in asked.in_order:
        there = [first[tag] for tag in tags if tag in first]
        for before, after in pairwise(there):
            if before.ended > after.started:
                yield f"out of order: {after.tag} began before {before.tag} had ended"


def _message_ids(mails: list[Mail]) -> Iterable[str]:
    by_address: dict[str, set[str]] = {}
    for mail in mails:
        by_address.setdefault(mail.address, set()).add(mail.message_id)
    return [f"two Message-IDs for {address}" for address, ids in by_address.items() if len(ids) > 1]


def _left_overs(scene: Scene) -> Iterable[str]:
    def waiting() -> dict[str, int]:
        return {queue: count for queue in NAMES if (count := scene.broker.waiting(queue))}

    try:
        eventually(lambda: not waiting(), LEASE_SECONDS + 8)
    except AssertionError:
        yield f"left in the broker: {waiting()}"
    known = {part.pid for part in scene.parts.values()}
    known |= {child.pid for part in scene.parts.values() for child in part.children()}
    strays = [
        process
        for process in scene.house.processes()
        if process.pid not in known and "relay" in " ".join(process.cmdline())
    ]
    yield from (f"left over: {process.cmdline()}" for process in strays)
