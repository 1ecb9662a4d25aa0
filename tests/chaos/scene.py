"""The stage of a fault: services, a stretch of network before each, and the application's real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from celery import current_app
from django.conf import settings
from django.db import connection
from psycopg import sql

from celery_ledger.transports import brokers as broker_settings
from config import services
from config.env import ROOT
from tests.chaos.app import effects
from tests.chaos.brokers import KINDS, Valkey, continue_all
from tests.chaos.disk import SmallDisk
from tests.chaos.proxy import Network, Proxy
from tests.eventually import eventually
from tests.harness.brokers import Broker, Sqs
from tests.harness.house import House
from tests.harness.ports import free_port

LEASE_SECONDS = 3
REPUBLISH_SECONDS = 3
QUICK = {
    "JOB_LEASE_SECONDS": str(LEASE_SECONDS),
    "JOB_RETRY_BASE_SECONDS": "0.3",
    "JOB_REPUBLISH_SECONDS": str(REPUBLISH_SECONDS),
    "JOB_STRANDED_SECONDS": "3",
    "JOB_POLL_SECONDS": "0.5",
    "EMAIL_RATE": "1000/s",
    "SIGNUP_THROTTLE": "none",
    "LOG_FORMAT": "json",
    "LOG_LEVEL": "info",
}
SETTINGS = "tests.chaos.app.settings"
TABLES = (
    "celery_ledger_job",
    "celery_ledger_chord",
    "accounts_user",
    "chaos_effect",
    "django_celery_beat_periodictask",
)


@dataclass(frozen=True)
class Mail:
    """One message as the mail server took it. `at`: seconds since 1970."""

    message_id: str
    address: str
    at: float


class Part:
    """One process of the application, leader of a group of its own."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name, self.process, self.log = name, process, log

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def children(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def relay(self) -> psutil.Process | None:
        return next((child for child in self.children() if "relay" in _command(child)), None)

    def pool(self) -> list[psutil.Process]:
        return [child for child in self.children() if "relay" not in _command(child)]

    def said(self, words: str) -> bool:
        return words in self.log.read_text(errors="replace")

    def kill(self) -> None:
        """End it with -9, and it alone: what becomes of its children is the program's affair."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Clear it away, children included."""
        family = self.children()
        continue_all([child.pid for child in family])
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        for child in family:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        self.process.wait()


class Scene:
    """Everything that a fault may strike. Opened once a run; `enter` sets it up for a broker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.house = House(
            folder,
            BROKER_URL="redis://127.0.0.1:1/0",
            CACHE_URL="redis://127.0.0.1:1/0",
            EMAIL_URL="smtp://127.0.0.1:1",
        )
        self.logs = folder / "logs"
        self.mails = folder / "mails"
        self.network = Network()
        self.parts: dict[str, Part] = {}
        self.broker: Broker | None = None
        self.cache = Valkey(folder / "cache")
        self.mail_port = free_port()
        #: What a fault has set up and the next one must not find.
        self.afterwards = ExitStack()
        self._started = 0

    # --- setting up and clearing away

    def open(self) -> None:
        """Start what all brokers share: database, cache, mail server, and the network before them."""
        self.logs.mkdir(parents=True, exist_ok=True)
        self.mails.mkdir(parents=True, exist_ok=True)
        migrated = self.house.run("-m", "config.stack.migrate", timeout=120)
        assert migrated.returncode == 0, migrated.stderr
        services.start(self.house.env)
        database = connection.settings_dict
        self.database = Proxy(self.network, Path(database["HOST"]) / ".s.PGSQL.5432")
        self.cache.start()
        self.start_mail_server()
        with connection.cursor() as cursor:
            cursor.execute(effects.TABLE)
            cursor.execute("create table if not exists chaos_pair (id int primary key, turns int not null)")

    def enter(self, kind: str) -> None:
        """Set the stage for a broker, with a company of one worker that no fault kills."""
        self.leave()
        self.kind = kind
        self.broker = KINDS[kind](self.folder / f"{kind}-{self._number()}")
        self.broker.start()
        self.wire = Proxy(self.network, ("127.0.0.1", self.broker.port))
        current_app.conf.broker_url = self.broker.url
        current_app.conf.broker_transport_options = broker_settings.transport_options(self.broker.url)
        current_app._after_fork()
        self.start_company()

    def leave(self) -> None:
        """Clear the broker and every part away."""
        self.afterwards.close()
        for name in list(self.parts):
            if name != "mail":
                self.end(name)
        if self.broker is not None:
            self.broker.close()
            self.wire.close()
        self.broker = None

    def close(self) -> None:
        """End everything. An AssertionError names what was left."""
        self.leave()
        self.end("mail")
        self.cache.close()
        connection.close()
        self.network.close()
        keeper = int((self.house.data / "run" / "postgres.keeper").read_text())
        continue_all([keeper])
        self.house.close()

    def clear(self) -> None:
        """Forget every job, effect, file and mail of the fault before."""
        self.afterwards.close()
        with connection.cursor() as cursor:
            cursor.execute(f"truncate {', '.join(TABLES)} cascade")
            cursor.execute("delete from chaos_pair; insert into chaos_pair values (1, 0), (2, 0)")
        for folder in (effects.folder(), settings.OFFSTAGE_DATA / "faults", self.mails):
            for file in folder.glob("*"):
                file.unlink()

    # --- parts

    @property
    def company(self) -> Part:
        return self.parts["company"]

    def start_company(self) -> None:
        """Start the worker that must live through everything."""
        self.start_worker("company")

    def leave_to_others(self, queue: str) -> None:
        """Let the company, whose settings are its own, take nothing from a queue until the next fault."""
        company = {"destination": ["company@scene"], "reply": True, "timeout": 5}
        assert current_app.control.cancel_consumer(queue, **company)
        self.afterwards.callback(current_app.control.add_consumer, queue, **company)

    def start_worker(self, name: str, *options: str, ready: bool = True, **variables: str) -> Part:
        command = ["-m", "celery", "-A", "config", "worker", "-n", f"{name}@scene", "-c", "2"]
        part = self.start(name, *command, "--without-mingle", "--without-gossip", *options, **variables)
        if ready:
            self.await_ready(part)
        return part

    def await_ready(self, part: Part, within_seconds: float = 60) -> None:
        def is_ready() -> bool:
            assert part.is_alive, f"{part.name}: {part.log.read_text()[-3000:]}"
            return part.said(" ready.")

        eventually(is_ready, within_seconds)

    def start_relay(self, name: str, **variables: str) -> Part:
        part = self.start(name, "-m", "django", "relay", **variables)
        eventually(lambda: part.said("relay_started"), 40)
        return part

    def start_beat(self, name: str, **variables: str) -> Part:
        return self.start(name, "-m", "celery", "-A", "config", "beat", "--max-interval", "1", **variables)

    def start_web(self, **variables: str) -> Part:
        command = ("-m", "config.web_server", "--application", "tests.chaos.asgi:application")
        return self.start("web", *command, **variables)

    def start_mail_server(self) -> Part:
        return self.start("mail", "-m", "tests.chaos.mail_server", str(self.mail_port), str(self.mails))

    def start(self, name: str, *command: str, **variables: str) -> Part:
        """Start `python COMMAND` as the part `name`."""
        self.end(name)
        log = self.logs / f"{self._number():03}-{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *command],
                env={**self._environ(), **variables},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.parts[name] = Part(name, process, log)
        return self.parts[name]

    def end(self, name: str) -> None:
        part = self.parts.pop(name, None)
        if part is not None:
            part.end()

    # --- instants

    def strikes(self) -> list[tuple[str, int, float]]:
        """Return the point, process and time of each armed point that was hit."""
        found = [
            (file.stem, file.read_text(), file.stat().st_mtime)
            for file in (settings.OFFSTAGE_DATA / "faults").glob("*")
        ]
        return [(name, int(pid), at) for name, pid, at in found if pid]

    def taken_mails(self) -> list[Mail]:
        """Return what the mail server has taken, in the order in which it came."""
        taken = self.mails / "taken"
        lines = taken.read_text().splitlines() if taken.exists() else []
        return [
            Mail(message, address, float(at)) for message, address, at in (line.split("\t") for line in lines)
        ]

    def refused_mails(self) -> list[tuple[str, float]]:
        """Return for whom the mail server has refused a mail, and when, seconds since 1970."""
        refused = self.mails / "refused"
        lines = refused.read_text().splitlines() if refused.exists() else []
        return [(address, float(at)) for address, at in (line.split("\t") for line in lines)]

    def set_mail(self, mode: str) -> None:
        (self.mails / "mode").write_text(mode)

    # --- the database as an operator sees it

    def kill_database(self) -> None:
        """Kill PostgreSQL's first process with -9 and keep it down: its keeper is frozen."""
        os.kill(self._keeper(), signal.SIGSTOP)
        pid = services.states(self.house.env)["postgres"].pid
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        connection.close()

    def start_database(self) -> None:
        """Let the keeper start it again; return once it answers."""
        os.kill(self._keeper(), signal.SIGCONT)
        eventually(self.database_answers, 60)

    def freeze_database(self) -> None:
        """Stop every process of PostgreSQL; its keeper sees it run."""
        self._frozen = [services.states(self.house.env)["postgres"].pid]
        self._frozen += [child.pid for child in psutil.Process(self._frozen[0]).children()]
        for pid in self._frozen:
            os.kill(pid, signal.SIGSTOP)

    def thaw_database(self) -> None:
        continue_all(self._frozen)

    def end_sessions(self) -> None:
        """End every session of the application, as an operator does."""
        with self.admin() as admin:
            admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'offstage'"
            )
        connection.close()

    def make_read_only(self) -> None:
        """Refuse every write, as the server does that a failover has left behind; who was connected is cut off."""
        with self.admin() as admin:
            admin.execute(
                sql.SQL("alter database {} set default_transaction_read_only = on").format(
                    self._database_name
                )
            )
        self.end_sessions()

    def make_writable(self) -> None:
        """Take writes again. Nobody's session is ended: who connected meanwhile must find out by itself."""
        with self.admin() as admin:
            admin.execute("set default_transaction_read_only = off")
            admin.execute(
                sql.SQL("alter database {} reset default_transaction_read_only").format(self._database_name)
            )
        connection.close()

    @property
    def _database_name(self) -> sql.Identifier:
        return sql.Identifier(connection.settings_dict["NAME"])

    def move_to_small_disk(self) -> SmallDisk:
        """Let all tables and indexes lie on a disk of their own until the next fault; the log stays where it is."""
        keeps = Path(connection.settings_dict["HOST"]).stat()
        disk = SmallDisk(self.folder / "disk", megabytes=16, uid=keeps.st_uid, gid=keeps.st_gid)
        self.afterwards.callback(disk.close)
        with self.admin() as admin:
            admin.execute(sql.SQL("create tablespace small location {}").format(str(disk.folder)))
        self.afterwards.callback(self._move_tables, "small", "pg_default")
        self._move_tables("pg_default", "small")
        return disk

    def _move_tables(self, source: str, target: str) -> None:
        with self.admin() as admin:
            for kind in ("table", "index"):
                move = sql.SQL(f"alter {kind} all in tablespace {{}} set tablespace {{}}")
                admin.execute(move.format(sql.Identifier(source), sql.Identifier(target)))
            if source == "small":
                admin.execute("drop tablespace small")

    def small_disk_for_files(self) -> SmallDisk:
        """Let the files of jobs lie on a disk of their own until the next fault."""
        disk = SmallDisk(effects.folder(), megabytes=1, uid=os.getuid(), gid=os.getgid())
        self.afterwards.callback(disk.close)
        return disk

    def take_every_connection(self) -> list[psycopg.Connection]:
        """Use the limit up, the operator's own reserve included, until the application has no session left."""
        taken: list[psycopg.Connection] = []
        for _ in range(100):
            try:
                while True:
                    taken.append(self.admin())
            except psycopg.OperationalError:
                if not self._sessions(taken[0]):
                    return taken
            self.database.reset()
        raise AssertionError("the application always finds one more connection")

    def _sessions(self, admin: psycopg.Connection) -> int:
        own = connection.connection.info.backend_pid if connection.connection else 0
        return admin.execute(
            "select count(*) from pg_stat_activity where application_name = 'offstage' and pid <> %s", [own]
        ).fetchone()[0]

    def lose_all(self) -> None:
        """Make the broker forget everything it holds, while it runs."""
        self.broker.delete()

    def shorten_visibility(self, seconds: int) -> None:
        """Make SQS hand a message out again so soon; the others are told by the worker."""
        if isinstance(self.broker, Sqs):
            client = self.broker._client()
            for url in self.broker._urls(()):
                client.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})

    def forget_effects(self, tag: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("delete from chaos_effect where tag = %s", [tag])

    def admin(self) -> psycopg.Connection:
        """Return a connection beside Django's, as the database's owner."""
        database = connection.settings_dict
        return psycopg.connect(
            host=database["HOST"], user=database["USER"], dbname=database["NAME"], autocommit=True
        )

    def database_answers(self) -> bool:
        try:
            with self.admin() as admin:
                return admin.execute("select 1").fetchone() is not None
        except psycopg.Error:
            return False

    def _keeper(self) -> int:
        return int((self.house.data / "run" / "postgres.keeper").read_text())

    def _environ(self) -> dict[str, str]:
        if self.broker is None:
            return self.house.environ
        database = connection.settings_dict
        return {
            **self.house.environ,
            **QUICK,
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "REMAP_SIGTERM": "SIGQUIT",
            "DATABASE_URL": f"postgresql://{database['USER']}@127.0.0.1:{self.database.port}/{database['NAME']}",
            "BROKER_URL": self.broker.url.replace(f":{self.broker.port}", f":{self.wire.port}"),
            "CACHE_URL": self.cache.url,
            "EMAIL_URL": f"smtp://127.0.0.1:{self.mail_port}",
        }

    def past_the_network(self) -> dict[str, str]:
        """Return the variables of a part that reaches database and broker by no proxy: those cost half its speed."""
        database = connection.settings_dict
        host = quote(str(database["HOST"]), safe="")
        return {
            "DATABASE_URL": f"postgresql://{database['USER']}@/{database['NAME']}?host={host}",
            "BROKER_URL": self.broker.url,
        }

    def _number(self) -> int:
        self._started += 1
        return self._started


def now() -> float:
    """Return the wall clock, which the database on this machine shares."""
    return time.time()


def ended(pids: Iterable[int]) -> bool:
    return not any(psutil.pid_exists(pid) for pid in pids)


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
