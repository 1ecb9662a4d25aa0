"""SIGKILL: of a pool process, a worker's parent, a relay, the web process, the broker."""

from collections.abc import Iterator

import httpx

from celery_ledger import faultpoints
from celery_ledger.models import Job
from tests.chaos.load import PASSWORD, Load
from tests.chaos.play import await_running, await_strike, fault
from tests.chaos.scene import Scene
from tests.eventually import eventually

#: From here on a mail has been accepted and is not committed.
AFTER_EFFECT = {"run.ran", "settle.recorded", "settle.continued"}
IN_A_RUN = (
    "run.delivered",
    "run.claimed",
    "run.ran",
    "settle.recorded",
    "settle.continued",
    "chord.counted",
    "run.committed",
)


#: Where something follows the job that is struck: of a plain row nobody would miss it.
BEFORE_THE_NEXT = {"settle.recorded", "settle.continued", "chord.counted"}


def at_a_point(scene: Scene, load: Load) -> Iterator[None]:
    await_strike(scene, load)
    yield


def after_a_row(scene: Scene, load: Load) -> Iterator[None]:
    """Strike a job whose effect is a row of the database: a mail or a file would hide what is done twice."""
    for number in range(8):
        load.row(f"struck-row-{number}", 0.1)
    await_strike(scene, load)
    load.wave()
    yield


def before_the_next(scene: Scene, load: Load) -> Iterator[None]:
    for number in range(4):
        load.chain(f"struck-chain-{number}")
        load.chord(f"struck-chord-{number}", 2)
    await_strike(scene, load)
    load.wave()
    yield


STRIKES = {**dict.fromkeys(BEFORE_THE_NEXT, before_the_next), "run.ran": after_a_row}

for point in IN_A_RUN:
    fault(
        "kill -9 a pool process",
        faultpoints.POINTS[point],
        armed=f"{point}:kill:1",
        second_mails=point in AFTER_EFFECT,
        short=("valkey",) if point == "run.ran" else (),
        late=point in STRIKES,
    )(STRIKES.get(point, at_a_point))

for point in ("run.delivered", "run.claimed", "run.ran"):
    fault(
        "kill -9 a worker's parent",
        faultpoints.POINTS[point],
        armed=f"{point}:kill_parent:1",
        second_mails=point in AFTER_EFFECT,
    )(at_a_point)

for point in ("relay.taken", "relay.sent"):
    fault(
        "kill -9 a relay",
        faultpoints.POINTS[point],
        armed=f"{point}:kill:1",
        short=("valkey",) if point == "relay.taken" else (),
    )(at_a_point)


@fault("kill -9 a worker's parent", "idle")
def idle_worker(scene: Scene, load: Load) -> Iterator[None]:
    victim = scene.start_worker("victim")
    victim.kill()
    yield


@fault("three relays, two killed with -9", "under load", brokers=("valkey",))
def three_relays(scene: Scene, load: Load) -> Iterator[None]:
    relays = [scene.start_relay(f"relay {number}") for number in range(2)]
    load.wave()
    for relay in relays:
        relay.kill()
    yield


@fault("kill -9 a relay", faultpoints.POINTS["rescue.locked"], brokers=("valkey",))
def rescuer(scene: Scene, load: Load) -> Iterator[None]:
    victim = scene.start_worker("victim")
    scene.start_relay("rescuer", FAULT_POINT="rescue.locked:kill:1")
    own = scene.company.relay()
    own.suspend()
    try:
        for number in range(12):
            load.row(f"held-{number}", 2)
        eventually(lambda: _running_on("victim") > 0, 20)
        victim.kill()
        victim.end()
        await_strike(scene, load)
    finally:
        own.resume()
    yield


@fault("kill -9 the web process", faultpoints.POINTS["enqueue.written"], brokers=("valkey",))
def web_in_transaction(scene: Scene, load: Load) -> Iterator[None]:
    yield from _sign_up_until_it_dies(scene, load, "enqueue.written:kill:1")


@fault("kill -9 the web process", "committed, the answer has not left", brokers=("valkey",))
def web_before_answer(scene: Scene, load: Load) -> Iterator[None]:
    yield from _sign_up_until_it_dies(scene, load, "web.answering:kill:1")


@fault("kill -9 the broker, start it again", "idle")
def idle_broker(scene: Scene, load: Load) -> Iterator[None]:
    scene.broker.kill()
    yield
    scene.broker.start()


@fault("kill -9 the broker, start it again", "jobs run", short=("valkey", "rabbitmq", "sqs"))
def busy_broker(scene: Scene, load: Load) -> Iterator[None]:
    load.row("under-way", 2)
    await_running()
    scene.broker.kill()
    yield
    scene.broker.start()


@fault("kill -9 the broker three times", "jobs run")
def broker_again_and_again(scene: Scene, load: Load) -> Iterator[None]:
    load.row("under-way", 2)
    await_running()
    for _ in range(2):
        scene.broker.kill()
        scene.broker.start()
    scene.broker.kill()
    yield
    scene.broker.start()


def _sign_up_until_it_dies(scene: Scene, load: Load, armed: str) -> Iterator[None]:
    web = scene.start_web(FAULT_POINT=armed)
    url = f"http://127.0.0.1:{scene.house.variables['WEB_PORT']}"
    with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
        eventually(lambda: _answers(client), 60)
        address = "cut-off@chaos.test"
        load.asked.addresses.add(address)
        load.asked.doubtful.add(address)
        try:
            client.post("/api/signup", json={"email": address, "password": PASSWORD})
        except httpx.TransportError:
            web.process.wait(10)
    assert not web.is_alive
    assert scene.strikes()
    yield


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").is_success
    except httpx.TransportError:
        return False


def _running_on(worker: str) -> int:
    return Job.objects.filter(state="running", worker__startswith=worker).count()
