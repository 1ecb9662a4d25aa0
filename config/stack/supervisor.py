"""The loop behind `make run`: brings everything up, starts again what dies, and ends all of it."""

import asyncio
import signal
import time
from typing import Any

from config import env as environment
from config import services
from config.env import Env
from config.running import withdraw
from config.services import ServiceFailed
from config.stack import announce, ports
from config.stack.child import Child
from config.stack.console import Console
from config.stack.parts import Part

# A busy worker hands its work back within 8 s (worker_soft_shutdown_timeout); the services take the rest of the 15.
END_SECONDS = 10.0
#: A part that ends again soon is started again later: after 0.5, 1, 2, ... seconds, at most this long.
MAX_PAUSE_SECONDS = 30.0
#: A part that has run this long has recovered, and its next end is the first one.
RECOVERED_SECONDS = 60.0
SERVICE_POLL_SECONDS = 0.5
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    """Runs the services and `parts` until it is told to stop. A part that keeps ending takes no other part down."""

    def __init__(self, env: Env, parts: list[Part], migrate: Part, *, colour: bool) -> None:
        self.env = env
        self.parts = parts
        self.migrate = migrate
        self.console = Console(colour=colour, on_closed=self._stop)
        self._children: dict[str, Child] = {}
        self._first: dict[str, asyncio.Event] = {}
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._services_start: asyncio.Future[None] | None = None
        self._failure = ""

    async def run(self) -> int:
        """Return the exit status: 0 where it was told to stop, 1 where it gave up."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop)
        work = asyncio.create_task(self._work())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        self._stopping.set()
        work.cancel()
        (outcome,) = await asyncio.gather(work, return_exceptions=True)
        await self._end()
        if isinstance(outcome, Exception) and not self._failure:
            raise outcome
        if self._failure:
            self.console.say(f"offstage: {self._failure}")
        return 1 if self._failure else 0

    def _stop(self) -> None:
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    def _give_up(self, reason: str) -> None:
        # What fails while it stops, fails because it stops.
        if not self._stopping.is_set():
            self._failure = reason
        self._stopping.set()

    async def _work(self) -> None:
        began = time.monotonic()
        try:
            ports.check(self.env)
            environment.announce_stack()
            await self._start_services()
        except (ports.PortTaken, ServiceFailed) as error:
            self._give_up(str(error))
            return
        if not await self._migrate():
            return
        self._first = {part.name: asyncio.Event() for part in self.parts}
        async with asyncio.TaskGroup() as tasks:
            for part in self.parts:
                tasks.create_task(self._keep(part))
            tasks.create_task(self._keep_services())
            tasks.create_task(self._announce(began))

    async def _start_services(self) -> None:
        # In a thread that notices by itself when it is to stop; shielded, so that _end can wait for it.
        start = asyncio.to_thread(services.start, self.env, self._stopping.is_set)
        self._services_start = asyncio.ensure_future(start)
        await asyncio.shield(self._services_start)

    async def _migrate(self) -> bool:
        child = await self._start(self.migrate)
        end = await child.wait()
        if child.process.returncode != 0:
            self._give_up(f"the database could not be migrated ({end})")
        return child.process.returncode == 0

    async def _start(self, part: Part) -> Child:
        child = self._children[part.name] = await Child.start(part, self.console)
        return child

    async def _keep(self, part: Part) -> None:
        """Run `part`, and start it again each time it ends, later each time."""
        ends = 0
        while True:
            began = time.monotonic()
            child = await self._start(part)
            self._first[part.name].set()
            end = await child.wait()
            ends = 1 if time.monotonic() - began >= RECOVERED_SECONDS else ends + 1
            pause = min(MAX_PAUSE_SECONDS, 0.5 * 2 ** min(ends - 1, 10))
            self.console.say(f"offstage: {part.name} ended with {end}; starting it again in {pause:g} s")
            await asyncio.sleep(pause)

    async def _keep_services(self) -> None:
        """Tell of services that crashed; their keepers start them again, and are started again here."""
        known = services.states(self.env)
        while True:
            await asyncio.sleep(SERVICE_POLL_SECONDS)
            try:
                await self._start_services()
            except ServiceFailed as error:
                self._give_up(str(error))
                return
            for name, state in services.states(self.env).items():
                before = known[name]
                if state is not None and before is not None and state.pid != before.pid:
                    why = state.last_end or "its keeper was killed"
                    self.console.say(f"offstage: {name} ended with {why}; it was started again")
                known[name] = state or before

    async def _announce(self, began: float) -> None:
        for line in announce.table(self.env):
            self.console.say(line)
        await asyncio.gather(*(self._until_it_answers(part) for part in self.parts))
        self.console.say(f"ready in {time.monotonic() - began:.1f} s; Ctrl-C stops all of it")

    async def _until_it_answers(self, part: Part) -> None:
        await self._first[part.name].wait()
        if part.url is not None:
            await announce.until_it_answers(part.url)
        elif part.ready_line is not None:
            # Not this run's event: the part may die before it says so.
            while not self._children[part.name].said_ready.is_set():
                await asyncio.sleep(announce.POLL_SECONDS)

    async def _end(self) -> None:
        """End every part with what it started, then the services where nobody else uses them."""
        children = list(self._children.values())
        running = [child for child in children if child.is_running]
        if running:
            self.console.say("offstage: stopping; once more Ctrl-C kills")
        for child in running:
            child.ask_to_end()
        ends = asyncio.ensure_future(asyncio.gather(*(child.wait() for child in running)))
        await self._wait_for(ends)
        for child in children:
            child.kill()
        await ends
        if self._services_start is not None:
            await asyncio.wait({self._services_start})
        await asyncio.to_thread(services.leave, self.env)
        withdraw(self.env.data)

    async def _wait_for(self, ends: "asyncio.Future[list[str]]") -> None:
        """Return when all parts have ended, or time is up, or somebody is in a hurry."""
        hurry = asyncio.create_task(self._hurry.wait())
        waited: list[asyncio.Future[Any]] = [ends, hurry]
        await asyncio.wait(waited, timeout=END_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
