"""A broker that is full, or refuses connections; a database with no connection left."""

from collections.abc import Iterator

from tests.chaos.load import Load
from tests.chaos.play import await_running, fault, pause
from tests.chaos.scene import Scene
from tests.chaos.visitor import Visitor
from tests.eventually import eventually

# No broker has a part in it, but recovery goes through one.
ANY = ("valkey", "rabbitmq")


@fault("the broker is full for 6 s", "jobs run", brokers=("valkey", "rabbitmq"))
def full(scene: Scene, load: Load) -> Iterator[None]:
    await_running()
    scene.broker.fill()
    yield
    pause(6)
    scene.broker.drain()


@fault("the broker refuses connections for 5 s", "jobs run")
def refusing_broker(scene: Scene, load: Load) -> Iterator[None]:
    await_running()
    scene.wire.refuse()
    yield
    pause(5)
    scene.wire.heal()


@fault("the database refuses connections for 5 s", "jobs run", brokers=("valkey",))
def refusing_database(scene: Scene, load: Load) -> Iterator[None]:
    await_running()
    scene.database.refuse()
    yield
    pause(5)
    scene.database.heal()


@fault("no database connection is left for 5 s", "jobs run", brokers=("valkey",))
def no_connection_left(scene: Scene, load: Load) -> Iterator[None]:
    await_running()
    taken = scene.take_every_connection()
    try:
        yield
        pause(5)
    finally:
        for connection in taken:
            connection.close()
    eventually(scene.database_answers)


@fault("the database is read-only for 5 s", "after a failover, jobs run", brokers=ANY, quiet_seconds=30)
def read_only(scene: Scene, load: Load) -> Iterator[None]:
    with Visitor(scene, load) as visitor:
        load.row("under-way", 1)
        await_running()
        scene.make_read_only()
        answer = visitor.sign_up("visitor@chaos.test")
    assert answer == 503, f"a signup that could not be written was answered {answer}"
    yield
    pause(5)
    scene.make_writable()


@fault("the cache server is away for 4 s", "jobs run, mails are limited", brokers=("valkey", "rabbitmq"))
def no_cache(scene: Scene, load: Load) -> Iterator[None]:
    scene.cache.kill()
    yield
    pause(4)
    scene.cache.start()
