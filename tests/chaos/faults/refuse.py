"""A broker that is full, or refuses connections; a database with no connection left."""

from collections.abc import Iterator

from tests.chaos.load import Load
from tests.chaos.play import await_running, fault, pause
from tests.chaos.scene import Scene
from tests.eventually import eventually


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


@fault("the cache server is away for 4 s", "jobs run, mails are limited", brokers=("valkey", "rabbitmq"))
def no_cache(scene: Scene, load: Load) -> Iterator[None]:
    scene.cache.kill()
    yield
    pause(4)
    scene.cache.start()
