"""The three brokers with one set of words; RabbitMQ and SQS come from `tests.harness.brokers`."""

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import redis

from config.queues import NAMES
from config.services.valkey import _binary
from tests.harness.brokers import Broker, RabbitMQ, Sqs
from tests.harness.installed import SERVERS, missing_for_rabbitmq, program
from tests.harness.ports import free_port


class Valkey(Broker):
    """A Valkey on a port of its own, its data kept as the embedded one keeps it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self, *, empty: bool = False) -> None:
        if empty:
            self._end("valkey")
            for file in self.folder.glob("appendonlydir/*"):
                file.unlink()
        if "valkey" not in self._processes:
            options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes")
            self._run("valkey", str(_binary()), *options, "--dir", str(self.folder))
        self._await("valkey", self.port)

    def kill(self) -> None:
        self._end("valkey")

    def purge(self, *queues: str) -> None:
        self.client().delete(*(queues or NAMES))

    def delete(self, *queues: str) -> None:
        """Lose everything, the queues' bindings with it."""
        self.client().flushall()

    def waiting(self, queue: str) -> int:
        return int(self.client().llen(queue))

    def _take_all(self, queue: str) -> list[bytes]:
        with self.client() as client:
            return client.rpop(queue, client.llen(queue) or 1) or []

    def _put_all(self, queue: str, messages: list[bytes]) -> None:
        with self.client() as client:
            client.lpush(queue, *messages)

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, socket_timeout=5)

    def fill(self) -> None:
        """Refuse every write: the memory is used up."""
        self.client().config_set("maxmemory", "1")

    def drain(self) -> None:
        self.client().config_set("maxmemory", "0")

    @property
    def _serving(self) -> Sequence[str]:
        return ["valkey"]

    def _answers(self, port: int) -> bool:
        try:
            return bool(self.client().ping())
        except redis.RedisError:
            return False


class FullableRabbitMQ(RabbitMQ):
    """RabbitMQ with an alarm that a test may raise: the node stops reading from who publishes."""

    def fill(self) -> None:
        self._control("set_vm_memory_high_watermark", "absolute", "1MB")

    def drain(self) -> None:
        self._control("set_vm_memory_high_watermark", "0.8")

    def give_consumers(self, seconds: int, *, looks_after: int) -> None:
        """Close channels opened from now on whose consumer does not acknowledge within so many seconds.

        The node looks for them once a minute, here every `looks_after` seconds.
        """
        self._control("eval", f"application:set_env(rabbit, consumer_timeout, {seconds * 1000}).")
        self._control("eval", f"application:set_env(rabbit, channel_tick_interval, {looks_after * 1000}).")

    def _control(self, *command: str) -> None:
        subprocess.run(
            [program("rabbitmqctl", SERVERS), "--node", self._environ()["RABBITMQ_NODENAME"], *command],
            env=self._environ(),
            check=True,
            capture_output=True,
            timeout=30,
        )


KINDS: dict[str, type[Broker]] = {"valkey": Valkey, "rabbitmq": FullableRabbitMQ, "sqs": Sqs}


def continue_all(pids: Sequence[int]) -> None:
    """Thaw processes that may have ended meanwhile."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            continue


def is_there(kind: str) -> bool:
    """Return whether this machine has what the broker needs."""
    return kind != "rabbitmq" or not missing_for_rabbitmq()
