"""The ledger's own functions in random order, beside a model of what they promise.

Two workers, a relay, a rescuer, a broker that loses, repeats and reorders, somebody who cancels and retries: what the
steps are is `ledger_model`'s, in which order they happen is chance's. After each step the ledger must stand as the
model does; in the end all is healed, and every job must have come to its end with one effect.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from celery import signature
from celery.exceptions import Ignore
from django.db import connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from celery_ledger import control
from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.asking.signatures import Part
from celery_ledger.canvas import Signature, chain, chord, step
from celery_ledger.current import CurrentJob, running
from celery_ledger.errors import Fate, LeaseLost
from celery_ledger.ledger import claims, rows
from celery_ledger.publishing.publisher import BrokerAway, Refused
from celery_ledger.publishing.relay import publish_due
from celery_ledger.running import delivery
from celery_ledger.settling import chords, settle
from celery_ledger.settling.judge import Failure
from celery_ledger.settling.rescue import report_lost, rescue
from celery_ledger.states import FINISHED, MOVES, WAITING, JobState
from tests.integration.ledger_model import Follower, Model, ModelChord, ModelJob
from tests.integration.testtasks import effects

#: Far longer than an example takes, so that time passes where the machine says so and nowhere else.
HOUR_SECONDS = 3600
#: More than any delay of a job: retries double, republications up to 64 times.
LONG = "interval '1000 hours'"
QUEUE = "maintenance"
MOST_JOBS = 8

ALLOWED_MOVES = {(str(start), str(end)) for start, ends in MOVES.items() for end in ends}
FAILURES = {
    "transient": Failure(Fate.TRANSIENT, "Transient", "not yet"),
    "bug": Failure(Fate.BUG, "ValueError", "oops"),
    "permanent": Failure(Fate.PERMANENT, "Permanent", "never"),
}

order_keys = st.sampled_from([None, None, "order a", "order b"])
unique_keys = st.sampled_from([None, None, None, "unique a", "unique b"])
numbers = st.integers(0, 1000)
failures = st.sampled_from(["transient", "transient", "bug", "permanent"])
kinds = st.sampled_from(["note", "note", "note", "chain", "chord"])


def options(order_key: str | None, unique_key: str | None, delayed: bool) -> dict[str, Any]:
    seconds = HOUR_SECONDS if delayed else 0
    return {"order_key": order_key, "unique_key": unique_key, "delay_seconds": seconds}


#: By kind: what is asked for, its last job with the id.
CANVASES: dict[str, Callable[[str | None], str | Signature]] = {
    "note": lambda _id: "test.note",
    "chain": lambda last: chain(step("test.note", 1), step("test.note", 2).set(task_id=last)),
    "chord": lambda body: chord(
        [step("test.note", 1), step("test.note", 2)], signature("test.total").set(task_id=body)
    ),
}


#: Drawn for each step: with these hardly any step is empty.
CANDIDATES = 6


class RelayDied(Exception):
    """The relay's process ends between the mark and the message."""


class Broker:
    """Stands in for the broker alone: wake-ups by job id, any of which it may lose, repeat or give out of order."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.behaviour = "takes"
        self.refused: list[str] = []

    def publish(self, jobs: list[rows.Published]) -> list[Refused]:
        """Take messages as a relay's publisher hands them over."""
        ids = [job.id for job in jobs]
        if self.behaviour == "takes" or not ids:
            self.messages += ids
            return []
        if self.behaviour == "refuses the first":
            self.messages += ids[1:]
            self.refused = ids[:1]
            return [Refused(ids[0], "too long")]
        taken = ids[:1] if self.behaviour.endswith("after one") else []
        self.messages += taken
        if self.behaviour.startswith("relay dies"):
            raise RelayDied
        raise BrokerAway(self.behaviour, ids[len(taken) :])


BEHAVIOURS = (
    "takes",
    "refuses the first",
    "away",
    "away after one",
    "relay dies",
    "relay dies after one",
)


@dataclass
class Hold:
    """A claim that a worker process has, or believes to have."""

    process: str
    claimed: rows.Claimed

    @property
    def job_id(self) -> str:
        return self.claimed.id

    @property
    def token(self) -> str:
        return str(self.claimed.claim_token)

    @property
    def attempt(self) -> settle.Attempt:
        return settle.Attempt.of(self.claimed)

    @contextmanager
    def body(self) -> Iterator[None]:
        """What is done inside belongs to this attempt, as in a worker."""
        claimed = self.claimed
        job = CurrentJob(
            claimed.id, claimed.name, claimed.queue, claimed.attempts, claimed.max_attempts, claimed.root_id,
            None, claimed.claim_token,
        )  # fmt: skip
        with running(job):
            yield


@dataclass(frozen=True)
class Happening:
    """One thing that may happen, when, and what of it is left to chance."""

    act: Callable[..., None]
    is_possible: Callable[["LedgerMachine"], object]
    weight: int
    arguments: st.SearchStrategy[dict[str, Any]]


HAPPENINGS: dict[str, Happening] = {}


def happening(
    is_possible: Callable[["LedgerMachine"], object], weight: int = 1, **arguments: st.SearchStrategy
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a step of the machine one of those that happen by chance."""

    def declare(act: Callable[..., None]) -> Callable[..., None]:
        HAPPENINGS[act.__name__] = Happening(act, is_possible, weight, st.fixed_dictionaries(arguments))
        return act

    return declare


class LedgerMachine(RuleBasedStateMachine):
    """Chance says what happens next; the model says what must come of it."""

    def __init__(self) -> None:
        super().__init__()
        empty_ledger()
        self.model = Model()
        self.broker = Broker()
        self.workers: dict[int, Hold | None] = {0: None, 1: None}
        #: Processes that stand still and believe to hold a job.
        self.frozen: list[Hold] = []
        self.rolled_back: set[str] = set()
        self.processes = 0

    # Asking.

    @initialize(kinds=st.lists(st.sampled_from(["note", "chain", "chord"]), min_size=1, max_size=3))
    def ask_for_the_first(self, kinds: list[str]) -> None:
        for kind in kinds:
            self.ask(kind, "order a", None, delayed=False)
        self.relay_publishes("takes")

    @happening(
        lambda self: len(self.model.jobs) < MOST_JOBS,
        kind=kinds,
        order_key=order_keys,
        unique_key=unique_keys,
        delayed=st.booleans(),
    )
    def ask(self, kind: str, order_key: str | None, unique_key: str | None, delayed: bool) -> None:
        if kind == "chord":
            self._ask_for_a_chord()
            return
        before = unique_key and self.model.of_unique_key(unique_key)
        last = None if kind == "note" else str(uuid4())
        answer = enqueue(CANVASES[kind](last), **options(order_key, unique_key, delayed))
        if before:
            assert answer == before.id
            return
        [job_id] = self._strangers()
        assert answer == (job_id if unique_key else last or job_id)
        self._learn(ModelJob(job_id, 0, order_key, unique_key, last), delayed)

    @happening(
        lambda self: len(self.rolled_back) < 2,
        kind=kinds,
        order_key=order_keys,
        unique_key=unique_keys,
        delayed=st.booleans(),
    )
    def ask_and_roll_back(
        self, kind: str, order_key: str | None, unique_key: str | None, delayed: bool
    ) -> None:
        unique_key = None if kind == "chord" else unique_key  # a canvas with one begins with one job
        with transaction.atomic():
            job_id = enqueue(CANVASES[kind](str(uuid4())), **options(order_key, unique_key, delayed))
            self.rolled_back.add(job_id)
            transaction.set_rollback(True)
        self.rolled_back -= set(self.model.jobs)  # an older job with that unique key was the answer

    # The relay and the broker.

    @happening(
        lambda self: self.model.any(lambda job: job.state in WAITING and not job.is_published),
        behaviour=st.sampled_from(BEHAVIOURS),
    )
    def relay_publishes(self, behaviour: str) -> None:
        expected = set(self.model.take_due())
        self.broker.behaviour, self.broker.refused = behaviour, []
        before = len(self.broker.messages)
        try:
            assert publish_due([QUEUE], self.broker) == len(expected)
        except BrokerAway as away:
            self.model.put_back(away.untaken)
            expected -= set(away.untaken)
        except RelayDied:
            expected &= set(self.broker.messages[before:])
        for job_id in self.broker.refused:
            self.model.refuse(job_id)
        assert Counter([*self.broker.messages[before:], *self.broker.refused]) == Counter(expected)

    @happening(
        lambda self: self.broker.messages,
        number=numbers,
        what=st.sampled_from(["loses", "repeats", "loses everything"]),
    )
    def broker_fails(self, number: int, what: str) -> None:
        if what == "loses everything":
            self.broker.messages.clear()
            return
        message = self._message(number)
        if what == "repeats":
            self.broker.messages += [message, message]

    # The workers.

    @happening(lambda self: None in self.workers.values(), worker=st.integers(0, 1), number=numbers, weight=5)
    def worker_takes_a_message(self, worker: int, number: int) -> None:
        if not self.broker.messages:
            self.relay_publishes("takes")
        if self.broker.messages:
            worker = worker if self.workers[worker] is None else 1 - worker
            self._deliver(worker, self._message(number))

    @happening(lambda self: self.broker.messages, number=numbers)
    def worker_finds_the_rate_used_up(self, number: int) -> None:
        job_id = self._message(number)
        claims.postpone(job_id, HOUR_SECONDS)
        self.model.postpone(job_id)

    @happening(lambda self: self._busy(), number=numbers, weight=2)
    def worker_succeeds(self, number: int) -> None:
        self._succeed(self._let_go(number))

    @happening(lambda self: self._busy(), number=numbers, failure=failures, weight=4)
    def worker_fails(self, number: int, failure: str) -> None:
        self._fail(self._let_go(number), failure)

    @happening(lambda self: any(self._is_to_stop(worker) for worker in self._busy()))
    def worker_stops_its_job(self) -> None:
        for worker in filter(self._is_to_stop, self._busy()):
            hold, self.workers[worker] = self.workers[worker], None
            assert self._renew(hold)
            self._stop(hold)

    @happening(lambda self: self._busy(), number=numbers)
    def worker_dies_while_it_settles(self, number: int) -> None:
        hold = self._let_go(number)
        with transaction.atomic():
            self._settle_success(hold)
            transaction.set_rollback(True)

    @happening(
        lambda self: self._busy(),
        number=numbers,
        until=st.sampled_from(["its lease runs out", "it is rescued", "another works", "another works"]),
        weight=3,
    )
    def worker_freezes(self, number: int, until: str) -> None:
        self.frozen.append(self._let_go(number))
        self.leases_run_out_where_nobody_renews()
        if until != "its lease runs out":
            self.rescuer_looks()
        if until == "another works":
            self.worker_takes_a_message(0, number)

    @happening(lambda self: self._busy(), number=numbers, weight=2)
    def worker_stops_and_hands_back(self, number: int) -> None:
        hold = self._let_go(number)
        self._hand_back(hold)
        self.frozen.append(hold)  # its process may run on for a moment

    @happening(
        lambda self: self._busy(), number=numbers, fate=st.sampled_from([Fate.LOST, Fate.TIMEOUT]), weight=2
    )
    def parent_reports_its_dead_process(self, number: int, fate: Fate) -> None:
        hold = self._let_go(number)
        self._report(hold, fate)
        self.frozen.append(hold)

    @happening(
        lambda self: self.frozen,
        number=numbers,
        what=st.sampled_from(["succeed", "fail", "stop", "renew", "report", "hand back"]),
        weight=5,
    )
    def frozen_worker_wakes_up(self, number: int, what: str) -> None:
        hold = self.frozen[number % len(self.frozen)]
        if what == "renew":
            self._renew(hold)
            return
        self.frozen.remove(hold)
        if what == "fail":
            self._fail(hold, "transient")
        elif what == "stop":
            self._stop(hold)
        elif what == "report":
            self._report(hold, Fate.LOST)
        elif what == "hand back":
            self._hand_back(hold)
        else:
            self._succeed(hold)

    @happening(lambda self: self._counted_parts(), number=numbers)
    def part_of_a_chord_returns_again(self, number: int) -> None:
        parts = self._counted_parts()
        job = parts[number % len(parts)]
        [place] = select("select group_id::text, group_index from celery_ledger_job where id = %s", job.id)
        chords.return_part(Part(*place), job.id, job.id)

    # The rescuer, a person, the clock.

    @happening(lambda self: self.model.any(lambda job: job.is_running or job.is_message_old), weight=2)
    def rescuer_looks(self) -> None:
        count, lost = rescue(), self.model.rescue()
        assert count == lost + self._note_those_published_again()

    @happening(lambda self: self.model.any(lambda job: not job.is_running), number=numbers)
    def person_cancels(self, number: int) -> None:
        job_id = self._some_job(number, lambda job: not job.is_running)
        assert control.cancel(job_id) == self.model.cancel(job_id)

    @happening(lambda self: self.model.any(lambda job: job.is_running), number=numbers, weight=3)
    def person_cancels_what_runs(self, number: int) -> None:
        job_id = self._some_job(number, lambda job: job.is_running)
        assert control.cancel(job_id)
        assert self.model.cancel(job_id)

    @happening(lambda self: self.model.any(lambda job: job.is_finished), number=numbers)
    def person_retries(self, number: int) -> None:
        job_id = self._some_job(number, lambda job: job.is_finished)
        assert control.retry(job_id) == self.model.retry(job_id)

    @happening(lambda self: self.model.any(lambda job: job.state in WAITING and not job.is_due), weight=2)
    def due_times_come(self) -> None:
        move_back("run_at")
        self.model.pass_due_times()

    @happening(lambda self: self.model.any(lambda job: job.is_published and job.state in WAITING))
    def messages_grow_old(self) -> None:
        move_back("published_at", "started_at")
        self.model.pass_republication()

    @happening(lambda self: self.model.any(lambda job: job.is_running))
    def leases_run_out_where_nobody_renews(self) -> None:
        move_back("lease_until")
        self.model.pass_leases()
        for worker in self._busy():
            self._renew(self.workers[worker])

    # Chance.

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        # One rule and not one for each: hypothesis leaves half of a machine's rules out of an example, and no job
        # gets far where the relay or the workers are left out.
        # What is drawn does not depend on the ledger, whose rescuer goes by the clock. The first possible one happens.
        weighed = [name for name, it in HAPPENINGS.items() for _ in range(it.weight)]
        names = [data.draw(st.sampled_from(weighed), label="what may happen") for _ in range(CANDIDATES)]
        drawn = [(HAPPENINGS[name], data.draw(HAPPENINGS[name].arguments, label="with")) for name in names]
        for happening, arguments in drawn:
            if happening.is_possible(self):
                happening.act(self, **arguments)
                return

    # What must hold after each step.

    @invariant()
    def promises_are_kept(self) -> None:
        self._ledger_stands_as_the_model_does()
        self._every_effect_is_there_once()
        self._jobs_are_within_their_bounds()
        self._only_legal_moves_were_made()

    def _ledger_stands_as_the_model_does(self) -> None:
        rows = {row[0]: row[1:] for row in select(LEDGER)}
        assert not self.rolled_back & set(rows)
        assert rows == {job.id: standing(job) for job in self.model.jobs.values()}

    def _every_effect_is_there_once(self) -> None:
        happened = [job_id for (job_id,) in select("select job_id from test_effect order by at")]
        assert happened == self.model.effects
        assert max(Counter(happened).values(), default=0) <= 1
        for key in {job.order_key for job in self.model.jobs.values() if job.order_key}:
            # Who was retried by hand has lost its place in the line.
            in_line = [
                job for job in self.model.jobs.values() if job.order_key == key and not job.was_retried
            ]
            asked = [job.id for job in sorted(in_line, key=lambda job: job.seq)]
            assert [job_id for job_id in happened if job_id in asked] == [
                job_id for job_id in asked if job_id in happened
            ]

    def _jobs_are_within_their_bounds(self) -> None:
        assert not select("select id from celery_ledger_job where attempts > max_attempts")
        assert not select(
            "select order_key from celery_ledger_job where state = 'running' and order_key is not null"
            " group by order_key having count(*) > 1"
        )
        assert not select(
            "select unique_key from celery_ledger_job group by unique_key having count(unique_key) > 1"
        )

    def _only_legal_moves_were_made(self) -> None:
        assert set(select("select distinct before, after from test_move")) <= ALLOWED_MOVES

    # The end.

    def teardown(self) -> None:
        if sys.exc_info()[0] is None:  # else the failure is told, and not what it leads to
            self._heal()
            self._retry_all()
            self._heal()
            assert {job.state for job in self.model.jobs.values()} <= {JobState.SUCCEEDED}
            assert Counter(self.model.effects) == dict.fromkeys(self.model.jobs, 1)
        empty_ledger()

    def _heal(self) -> None:
        """Let relay, rescuer, workers and time do their work until every job is finished."""
        for number in self._busy():
            self._succeed(self._let_go(number))
        for _ in range(3 * MOST_JOBS):
            if all(job.is_finished for job in self.model.jobs.values()):
                break
            self._heal_once()
        assert [job for job in self.model.jobs.values() if not job.is_finished] == []

    def _heal_once(self) -> None:
        for let_pass in (
            self.due_times_come,
            self.messages_grow_old,
            self.leases_run_out_where_nobody_renews,
        ):
            let_pass()
        self.rescuer_looks()
        self.relay_publishes("takes")
        while self.broker.messages:
            self._deliver(0, self._message(0))
            if self.workers[0] is not None:
                self._succeed(self._let_go(0))
        self.promises_are_kept()

    def _retry_all(self) -> None:
        for state in (JobState.DEAD, JobState.CANCELLED):
            retried = [job.id for job in self.model.jobs.values() if job.state is state]
            assert control.retry_all(state) == len(retried)
            for job_id in retried:
                self.model.retry(job_id)

    # The steps' own steps.

    def _ask_for_a_chord(self) -> None:
        the_chord = ModelChord(str(uuid4()), size=2)
        assert enqueue(CANVASES["chord"](the_chord.body_id)) == the_chord.body_id
        first, second = self._strangers()
        for part, job_id in enumerate((first, second)):
            self._learn(ModelJob(job_id, 0, chord=the_chord, part=part))

    def _learn(self, job: ModelJob, delayed: bool = False) -> None:
        """Take a job that must be there into the model."""
        [(job.seq,)] = select("select seq from celery_ledger_job where id = %s", job.id)
        if delayed:
            job.wait(JobState.SCHEDULED, is_due=False)
        self.model.add(job)

    def _strangers(self) -> list[str]:
        """Return the jobs that the model does not know, in the order of asking."""
        ids = [job_id for (job_id,) in select("select id::text from celery_ledger_job order by seq")]
        return [job_id for job_id in ids if job_id not in self.model.jobs]

    def _message(self, number: int) -> str:
        return self.broker.messages.pop(number % len(self.broker.messages))

    def _some_job(self, number: int, kind: Callable[[ModelJob], bool]) -> str:
        ids = [job.id for job in self.model.jobs.values() if kind(job)]
        return ids[number % len(ids)]

    def _busy(self) -> list[int]:
        return [worker for worker, hold in self.workers.items() if hold is not None]

    def _is_to_stop(self, worker: int) -> bool:
        return self.model.jobs[self.workers[worker].job_id].is_cancel_requested

    def _let_go(self, number: int) -> Hold:
        """Take the claim from a busy worker, in whose place stands a new process from now on."""
        worker = self._busy()[number % len(self._busy())]
        hold = self.workers[worker]
        assert hold is not None
        self.workers[worker] = None
        return hold

    def _counted_parts(self) -> list[ModelJob]:
        return [job for job in self.model.jobs.values() if job.chord and job.part in job.chord.results]

    def _deliver(self, worker: int, job_id: str) -> None:
        self.processes += 1
        token, process = uuid4(), f"w{worker}@host/{self.processes}"
        expected = self.model.claim(job_id, str(token), process)
        claimed = claims.claim(job_id, token, process, HOUR_SECONDS)
        assert (claimed is not None) == expected
        if claimed is not None:
            self.workers[worker] = Hold(process, claimed)
            return
        with pytest.raises(Ignore):
            delivery._drop(job_id)
        self.model.line_up(job_id)

    def _succeed(self, hold: Hold) -> None:
        followers = self.model.succeed(hold.job_id, hold.token, hold.job_id)
        with held_or_lost(followers is not None), transaction.atomic():
            self._settle_success(hold)
        for follower in followers or []:
            self._meet(follower)

    def _settle_success(self, hold: Hold) -> None:
        with hold.body():
            effects.leave("effect")
            settle.succeed(hold.attempt, hold.job_id)

    def _meet(self, follower: Follower) -> None:
        assert self._strangers() == [follower.id]
        if follower.args is not None:
            [(args,)] = select("select args::text::json from celery_ledger_job where id = %s", follower.id)
            assert args == follower.args
        self._learn(ModelJob(follower.id, 0))

    def _fail(self, hold: Hold, failure: str) -> None:
        expected = self.model.fail(hold.job_id, hold.token, is_permanent=failure == "permanent")
        with held_or_lost(expected):
            settle.fail(hold.attempt, FAILURES[failure])

    def _stop(self, hold: Hold) -> None:
        with held_or_lost(self.model.stop(hold.job_id, hold.token)):
            settle.cancel(hold.attempt)

    def _renew(self, hold: Hold) -> bool:
        answer = claims.renew_lease(hold.job_id, hold.claimed.claim_token, HOUR_SECONDS)
        assert answer == self.model.renew(hold.job_id, hold.token)
        return bool(answer)

    def _hand_back(self, hold: Hold) -> None:
        expected = self.model.hand_back(hold.job_id, hold.process)
        assert claims.hand_back(hold.job_id, hold.process) == expected

    def _report(self, hold: Hold, fate: Fate) -> None:
        expected = self.model.report_lost(hold.job_id, hold.process, at_once=fate is Fate.LOST)
        assert report_lost(hold.job_id, hold.process, fate, "signal 9") == expected

    def _note_those_published_again(self) -> int:
        due_again = {job_id for (job_id,) in select(DUE_AGAIN)}
        chosen = [job for job in self.model.may_be_published_again() if job.id in due_again]
        for job in chosen:
            job.is_published = False
        return len(chosen)


LEDGER = """
    select id::text, seq, state, order_key, unique_key, attempts, attempts_before, max_attempts, claim_token::text,
        case when state = 'running' then worker end,
        case when state in ('queued', 'scheduled', 'retrying') then published_at is not null end,
        case when finished_at is null then cancel_requested_at is not null end,
        (select count(*) from celery_ledger_error where job_id = celery_ledger_job.id)
    from celery_ledger_job
"""


DUE_AGAIN = "select id::text from celery_ledger_job where state = 'queued' and published_at is null"


def standing(job: ModelJob) -> tuple[object, ...]:
    """Return the job's row as `LEDGER` selects it."""
    return (
        job.seq,
        str(job.state),
        job.order_key,
        job.unique_key,
        job.attempts,
        job.attempts_before,
        job.max_attempts,
        job.token,
        job.worker if job.is_running else None,
        job.is_published if job.state in WAITING else None,
        None if job.state in FINISHED else job.is_cancel_requested,
        job.errors,
    )


@contextmanager
def held_or_lost(is_held: bool) -> Iterator[None]:
    """Let the block pass where the claim is held; where it is not, it must say so."""
    if is_held:
        yield
    else:
        with pytest.raises(LeaseLost):
            yield


def select(statement: str, *parameters: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def move_back(*columns: str) -> None:
    """Let a long time pass for these columns of every row."""
    changes = ", ".join(f"{column} = {column} - {LONG}" for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(f"update celery_ledger_job set {changes}")  # noqa: S608 (constants)


def empty_ledger() -> None:
    with connection.cursor() as cursor:
        for table in (
            "celery_ledger_error",
            "celery_ledger_chordpart",
            "celery_ledger_chord",
            "celery_ledger_job",
            "test_effect",
            "test_move",
        ):
            cursor.execute(f"delete from {table}")  # noqa: S608 (constants)
