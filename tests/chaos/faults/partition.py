"""The network between worker and relay on one side, broker or database on the other."""

from collections.abc import Iterator

from tests.chaos.load import Load
from tests.chaos.play import await_running, fault, pause
from tests.chaos.proxy import Proxy
from tests.chaos.scene import LEASE_SECONDS, Scene


def _to(scene: Scene, whom: str) -> Proxy:
    return scene.wire if whom == "broker" else scene.database


def _add(whom: str, brokers: tuple[str, ...]) -> None:
    @fault(
        f"cut the network to the {whom} for 7 s",
        "jobs run",
        brokers=brokers,
    )
    def cut(scene: Scene, load: Load) -> Iterator[None]:
        await_running()
        _to(scene, whom).cut()
        yield
        pause(LEASE_SECONDS + 4)
        _to(scene, whom).heal()

    @fault(f"break every connection to the {whom}", "jobs run", brokers=brokers)
    def reset(scene: Scene, load: Load) -> Iterator[None]:
        await_running()
        for _ in range(3):
            _to(scene, whom).reset()
            pause(0.3)
        yield

    @fault(
        f"half-open: no answer of the {whom} arrives for 7 s",
        "jobs run",
        brokers=brokers,
        second_mails=whom == "database",
    )
    def half_open(scene: Scene, load: Load) -> Iterator[None]:
        await_running()
        _to(scene, whom).deafen()
        yield
        pause(LEASE_SECONDS + 4)
        _to(scene, whom).heal()

    @fault(f"slow network to the {whom}: 100 ms each way", "all the time", brokers=brokers)
    def slow(scene: Scene, load: Load) -> Iterator[None]:
        _to(scene, whom).slow(0.1)
        yield
        pause(3)
        _to(scene, whom).heal()


_add("broker", ("valkey", "rabbitmq", "sqs"))
_add("database", ("valkey",))
