"""What a program that reads an upload can reach: tried from inside, against the real kernel."""

import json
import os
import socket
import sys
from pathlib import Path

import pytest

from media_pipeline.engine import sandbox
from media_pipeline.engine.process import Access, Budget, run_program

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")
needs_landlock = pytest.mark.skipif("landlock" in sandbox.missing(), reason="this kernel has no Landlock")
needs_seccomp = pytest.mark.skipif("seccomp" in sandbox.missing(), reason="no seccomp filters here")

TRIES = """
import json, os, sys
def outcome(act):
    try:
        return act() or "done"
    except OSError as error:
        return type(error).__name__
def connect(family, address):
    import socket
    with socket.socket(family) as client:
        client.connect(address)
given = json.loads(sys.argv[1])
acts = {
    "environment": lambda: sorted(os.environ),
    "own": lambda: open(given["own"]).read(),
    "other": lambda: open(given["other"]).read(),
    "list": lambda: os.listdir(os.path.dirname(given["other"])),
    "parent": lambda: open(f"/proc/{given['parent']}/environ").read(),
    "write": lambda: open(given["into"] + "/made", "w").close(),
    "overwrite": lambda: open(given["own"], "w").close(),
    "write beside": lambda: open(given["other"] + ".new", "w").close(),
    "tcp": lambda: connect(2, ("127.0.0.1", given["port"])),
    "unix": lambda: connect(1, given["socket"]),
}
print(json.dumps({name: outcome(acts[name]) for name in given["acts"]}))
"""


@pytest.fixture
def tried(tmp_path):
    """Run the named tries inside a confined program; there is a file of its own, another one, and two listeners."""
    places = {name: tmp_path / name for name in ("own", "other", "script.py", "into", "socket")}
    for name in ("own", "other"):
        places[name].write_text(name)
    places["script.py"].write_text(TRIES)
    places["into"].mkdir()
    local = socket.socket(socket.AF_UNIX)
    local.bind(str(places["socket"]))
    local.listen()
    with local, socket.create_server(("127.0.0.1", 0)) as tcp:

        def run(*acts: str) -> dict[str, object]:
            given: dict[str, object] = {name: str(place) for name, place in places.items()}
            given |= {"acts": list(acts), "port": tcp.getsockname()[1], "parent": os.getpid()}
            ended = run_program(
                [sys.executable, "-I", str(places["script.py"]), json.dumps(given)],
                budget=Budget(seconds=20),
                beside=tmp_path / "out",
                access=Access([places["script.py"], places["own"]], [places["into"]]),
                keep_output=True,
            )
            assert ended.code == 0, ended.errors
            return json.loads(ended.output)

        yield run


def test_a_program_gets_nothing_of_the_environment(tried, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "do not tell")

    assert tried("environment") == {"environment": ["LC_ALL"]}


@needs_landlock
def test_a_program_reads_its_own_file_and_writes_its_own_folder_and_nothing_else(tried):
    assert tried("own", "write") == {"own": "own", "write": "done"}
    others = tried("other", "list", "parent", "overwrite", "write beside")
    assert set(others.values()) == {"PermissionError"}


@needs_seccomp
def test_a_program_opens_no_connection_not_even_a_local_one(tried):
    assert tried("tcp", "unix") == {"tcp": "PermissionError", "unix": "PermissionError"}


def test_this_machine_offers_what_the_confinement_needs_or_says_what_it_lacks():
    assert set(sandbox.missing()) <= {"landlock", "seccomp"}


WITHOUT_LANDLOCK = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from media_pipeline.engine import sandbox
from media_pipeline.engine.process import Budget, run_program
sandbox._libc().prctl(sandbox.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
sandbox.REFUSED_CALLS[os.uname().machine]= (sandbox.LANDLOCK_CREATE_RULESET,)
sandbox._refuse_calls()
ended = run_program(["/bin/cat", sys.argv[2]], budget=Budget(seconds=20), beside=Path(sys.argv[2]), keep_output=True)
print(sandbox.missing(), ended.code, ended.output.decode())
"""


@needs_seccomp
def test_without_landlock_programs_still_run_and_its_lack_is_told(tmp_path):
    source = tmp_path / "source"
    source.write_text("read all the same")
    root = str(sandbox.__file__).removesuffix("/media_pipeline/engine/sandbox.py")

    ended = run_program(
        [sys.executable, "-c", WITHOUT_LANDLOCK, root, str(source)],
        budget=Budget(seconds=30),
        beside=tmp_path / "out",
        access=Access([Path(root), source], [tmp_path]),
        keep_output=True,
    )

    assert ended.output.decode().strip() == "['landlock'] 0 read all the same", ended.errors
