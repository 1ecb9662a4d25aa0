"""What is asked for while a fault strikes: every kind of effect, and what must not happen at all."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from celery import signature
from django.db import Error, connection, transaction

from accounts.signup.registration import sign_up
from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.canvas import chain, chord, group, step

PASSWORD = "correct horse battery staple"


@dataclass
class Asked:
    """What was asked for, by the tags of the effects that must follow. `doubtful`: the commit's answer never came."""

    rows: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    rolled_back: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    #: Why who asked was told that nothing was promised: the database's own errors, by name.
    refusals: list[str] = field(default_factory=list)
    #: Tags in the order in which they were asked for: one list for each order key or chain.
    in_order: list[list[str]] = field(default_factory=list)
    #: Jobs that are expected to end dead, by name.
    dead: dict[str, int] = field(default_factory=dict)

    @property
    def expected(self) -> int:
        return len(self.rows) + len(self.files) + len(self.addresses)


class Load:
    """Asks, and remembers what for."""

    def __init__(self, seed: int, scale: float = 1.0) -> None:
        self.asked = Asked()
        self._scale = scale
        self.seed = seed
        self._random = random.Random(seed)
        self._waves = 0

    def wave(self, size: float = 1.0) -> None:
        """Ask for some of everything, each in a transaction of its own, in an order that the seed decides."""
        self._waves += 1
        mark = f"w{self._waves}"
        times = lambda number: range(max(1, round(number * size * self._scale)))  # noqa: E731
        acts: list[Callable[[], None]] = []
        acts += [lambda n=n: self.row(f"{mark}-row-{n}", self._random.uniform(0, 0.3)) for n in times(8)]
        acts += [lambda n=n: self.file(f"{mark}-file-{n}") for n in times(2)]
        acts += [lambda n=n: self.mail(f"{mark}-{n}@chaos.test") for n in times(2)]
        acts += [lambda n=n: self.chain(f"{mark}-chain-{n}") for n in times(1)]
        acts += [lambda n=n: self.chord(f"{mark}-chord-{n}", 4) for n in times(1)]
        acts += [lambda n=n: self.chain_of_groups(f"{mark}-groups-{n}") for n in times(1)]
        acts += [lambda n=n: self.keyed(f"{mark}-key-{n}", 3) for n in times(2)]
        acts += [lambda n=n: self.failing(f"{mark}-failing-{n}") for n in times(1)]
        acts += [lambda n=n: self.roll_back(f"{mark}-never-{n}") for n in times(2)]
        self._random.shuffle(acts)
        for act in acts:
            act()

    def row(self, tag: str, seconds: float = 0.0, failures: int = 0, **options: object) -> None:
        """One row, committed with the job's settling, after so many failed attempts."""
        self._ask({tag}, lambda: enqueue("chaos.leave", tag, seconds, failures, **options))

    def job(self, name: str, tag: str, *args: object) -> None:
        """One row, by a task of its own."""
        self._ask({tag}, lambda: enqueue(name, tag, *args))

    def file(self, tag: str) -> None:
        """One file."""
        self._ask({tag}, lambda: enqueue("chaos.write", tag, 0.1), self.asked.files)

    def mail(self, address: str) -> None:
        """One mail, by the way that a user takes."""
        self._ask({address}, lambda: sign_up(address, PASSWORD, ""), self.asked.addresses)

    def chain(self, tag: str) -> None:
        """Three rows, one after the other."""
        tags = [f"{tag}-{n}" for n in range(3)]
        self._ask(set(tags), lambda: enqueue(chain(*(step("chaos.leave", t, 0.05) for t in tags))))
        self.asked.in_order.append(tags)

    def chord(self, tag: str, parts: int) -> None:
        """Rows side by side, and one after them all."""
        tags = [f"{tag}-{n}" for n in range(parts)]
        header = [step("chaos.leave", t, 0.1) for t in tags]
        body = signature("chaos.gather", args=(f"{tag}-body",))
        self._ask({*tags, f"{tag}-body"}, lambda: enqueue(chord(header, body)))
        self.asked.in_order += [[t, f"{tag}-body"] for t in tags]

    def chain_of_groups(self, tag: str) -> None:
        """One row, two beside each other, one."""
        tags = [f"{tag}-{n}" for n in range(4)]
        first, left, right, last = (step("chaos.leave", t, 0.05) for t in tags)
        self._ask(set(tags), lambda: enqueue(chain(first, group(left, right), last)))
        self.asked.in_order += [[tags[0], t, tags[3]] for t in tags[1:3]]

    def keyed(self, tag: str, count: int) -> None:
        """Rows of one order key."""
        tags = [f"{tag}-{n}" for n in range(count)]
        for t in tags:
            self.row(t, 0.05, order_key=tag)
        self.asked.in_order.append(tags)

    def failing(self, tag: str) -> None:
        """One row, at the second attempt."""
        self.row(tag, failures=1)

    def roll_back(self, tag: str) -> None:
        """Nothing."""
        self.asked.rolled_back.add(tag)
        try:
            with transaction.atomic():
                enqueue("chaos.leave", tag)
                transaction.set_rollback(True)
        except Error:
            connection.close()

    def dead(self, name: str, *args: object) -> None:
        """One job that must end dead, and stop nobody else."""
        enqueue(name, *args)
        self.asked.dead[name] = self.asked.dead.get(name, 0) + 1

    def _ask(self, tags: set[str], ask: Callable[[], object], kind: set[str] | None = None) -> None:
        kind = self.asked.rows if kind is None else kind
        try:
            with transaction.atomic():
                ask()
        except Error as error:
            # Committed or not: the answer never came. What stands in the ledger must be done, what does not must not.
            connection.close()
            self.asked.doubtful |= tags
            self.asked.refusals.append(type(error.__cause__).__name__)
        kind |= tags
