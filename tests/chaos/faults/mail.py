"""The mail server: killed, refusing, silent, and one that takes a mail without saying so."""

from collections.abc import Iterator

from tests.chaos.load import Load
from tests.chaos.play import fault, pause
from tests.chaos.scene import Scene
from tests.eventually import eventually


def _mails(load: Load, name: str) -> None:
    for number in range(6):
        load.mail(f"{name}-{number}@chaos.test")


@fault("kill -9 the mail server, start it again", "mails go out", brokers=("valkey",))
def killed(scene: Scene, load: Load) -> Iterator[None]:
    scene.parts["mail"].kill()
    _mails(load, "while-away")
    pause(1.5)
    yield
    scene.start_mail_server()


@fault("the mail server says 451 for 2 s", "mails go out", brokers=("valkey",))
def refusing(scene: Scene, load: Load) -> Iterator[None]:
    scene.set_mail("tempfail")
    _mails(load, "later")
    pause(2)
    yield
    scene.set_mail("ok")


@fault("the mail server says nothing after the data", "mails go out", brokers=("valkey",), quiet_seconds=90)
def hanging(scene: Scene, load: Load) -> Iterator[None]:
    scene.set_mail("hang")
    _mails(load, "hung")
    pause(2)
    scene.set_mail("ok")
    yield


@fault(
    "the mail server takes mails and hangs up", "before it says 250", brokers=("valkey",), second_mails=True
)
def losing(scene: Scene, load: Load) -> Iterator[None]:
    scene.set_mail("lose")
    _mails(load, "taken")
    eventually((scene.mails / "taken").exists, 20)
    scene.set_mail("ok")
    yield
