"""RabbitMQ and SQS for a test alone: each on ports of its own, to be killed, emptied, frozen and started again.

need_rabbitmq()                                  # skips where it is not installed
with RabbitMQ(tmp_path / "rabbitmq") as broker:  # or Sqs(...)
    stack = Stack(tmp_path, BROKER_URL=broker.url)
    broker.kill()                # -9; its port refuses
    broker.start()               # with all that it held
    broker.start(empty=True)     # after a kill: with nothing of it, not even the queues
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import amqp

from config.queues import NAMES, SQS_PREFIX
from tests.harness.broker import Broker
from tests.harness.installed import ERLANGS, SERVERS, need_rabbitmq, program
from tests.harness.moto import Moto
from tests.harness.ports import free_port

__all__ = ["Broker", "RabbitMQ", "Sqs", "need_rabbitmq"]


class RabbitMQ(Broker):
    """A node of its own beside whatever node the machine runs: own name, ports, port mapper and data."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self._mapper_port = free_port()
        self._distribution_port = free_port()

    def start(self, *, empty: bool = False) -> None:
        if empty:
            self._end("rabbitmq")
            shutil.rmtree(self._mnesia, ignore_errors=True)
        if "epmd" not in self._processes:
            mapper = ("-address", "127.0.0.1", "-port", str(self._mapper_port))
            self._run("epmd", program("epmd", ERLANGS), *mapper)
        if "rabbitmq" not in self._processes:
            self._run("rabbitmq", program("rabbitmq-server", SERVERS), environ=self._environ())
        self._await("rabbitmq", self.port)

    def kill(self) -> None:
        self._end("rabbitmq")

    def purge(self, *queues: str) -> None:
        for queue in queues or NAMES:
            self._ask("queue_purge", queue)

    def delete(self, *queues: str) -> None:
        for queue in queues or NAMES:
            self._ask("queue_delete", queue)

    def waiting(self, queue: str) -> int:
        found = self._ask("queue_declare", queue, passive=True)
        return int(found.message_count) if found else 0

    def _take_all(self, queue: str) -> list[amqp.Message]:
        taken: list[amqp.Message] = []
        with self._connection() as connection:
            channel = connection.channel()
            while (message := channel.basic_get(queue, no_ack=True)) is not None:
                taken.append(message)
        return taken

    def _put_all(self, queue: str, messages: list[amqp.Message]) -> None:
        with self._connection() as connection:
            channel = connection.channel()
            channel.confirm_select()
            for message in messages:
                channel.basic_publish_confirm(message, routing_key=queue)

    @property
    def _serving(self) -> Sequence[str]:
        return ["rabbitmq"]

    @property
    def _mnesia(self) -> Path:
        return self.folder / "mnesia"

    def _environ(self) -> dict[str, str]:
        (self.folder / "enabled_plugins").write_text("[].\n")
        (self.folder / "rabbitmq.conf").write_text("disk_free_limit.absolute = 1MB\n")
        ours = {
            "HOME": str(self.folder),  # the cookie
            "RABBITMQ_CONF_ENV_FILE": os.devnull,  # else the machine's own node's
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_NODENAME": f"offstage-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self._mnesia),
            "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_PID_FILE": str(self.folder / "rabbitmq.pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # The script becomes the node instead of waiting for it: the process that is killed is the broker.
            "RUNNING_UNDER_SYSTEMD": "true",
        }
        inherited = dict(os.environ)  # noqa: TID251 (handed on, not read)
        erlang = str(Path(program("erl", ERLANGS)).parent)
        ours["PATH"] = os.pathsep.join([inherited.get("PATH", os.defpath), erlang])
        others = {name: value for name, value in inherited.items() if not name.startswith("RABBITMQ_")}
        return {**others, **ours}

    def _answers(self, port: int) -> bool:
        try:
            with self._connection():
                return True
        except (OSError, amqp.exceptions.AMQPError):
            return False

    @contextlib.contextmanager
    def _connection(self) -> Iterator[amqp.Connection]:
        address = f"127.0.0.1:{self.port}"
        connection = amqp.Connection(address, connect_timeout=2, read_timeout=5, write_timeout=5)
        try:
            connection.connect()
            yield connection
        finally:
            connection.collect()

    def _ask(self, method: str, queue: str, **options: Any) -> Any:
        """Call the method of a channel; None where there is no such queue."""
        with self._connection() as connection:
            try:
                return getattr(connection.channel(), method)(queue, **options)
            except amqp.exceptions.NotFound:
                return None


class Sqs(Moto, Broker):
    """moto's SQS: its door can be shut while the service keeps what it holds."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.url = f"sqs://x:y@127.0.0.1:{self.port}//"

    def purge(self, *queues: str) -> None:
        for url in self._urls(queues):
            self._client().purge_queue(QueueUrl=url)

    def delete(self, *queues: str) -> None:
        for url in self._urls(queues):
            self._client().delete_queue(QueueUrl=url)

    def waiting(self, queue: str) -> int:
        count = "ApproximateNumberOfMessages"
        ask, urls = self._client().get_queue_attributes, self._urls([queue])
        return sum(int(ask(QueueUrl=url, AttributeNames=[count])["Attributes"][count]) for url in urls)

    def _take_all(self, queue: str) -> list[str]:
        taken: list[str] = []
        for url in self._urls([queue]):
            while (
                found := self._client().receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages")
            ):
                taken += [message["Body"] for message in found]
                for message in found:
                    self._client().delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return taken

    def _put_all(self, queue: str, messages: list[str]) -> None:
        for url in self._urls([queue]):
            for body in messages:
                self._client().send_message(QueueUrl=url, MessageBody=body)

    def _urls(self, queues: Sequence[str]) -> list[str]:
        """Return the addresses of those queues that exist."""
        wanted = {f"{SQS_PREFIX}{queue}" for queue in queues or NAMES}
        found = self._client().list_queues(QueueNamePrefix=SQS_PREFIX).get("QueueUrls", [])
        return [url for url in found if url.rpartition("/")[2] in wanted]

    def _client(self) -> Any:
        return self.client("sqs")
