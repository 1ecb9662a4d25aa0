import io
import sys

from config.stack.console import Console


def test_lines_stand_under_the_name_of_their_part(capsys):
    console = Console(colour=False, on_closed=lambda: None)

    console.pass_on("web", ["one", "two"])
    console.say("ready")

    assert capsys.readouterr().out == "web      | one\nweb      | two\nready\n"


def test_each_part_has_a_colour_of_its_own_and_keeps_it(capsys):
    console = Console(colour=True, on_closed=lambda: None)

    for name in ("web", "worker", "web"):
        console.pass_on(name, ["x"])

    first, second, third = capsys.readouterr().out.splitlines()
    assert first == third == "\x1b[36mweb      | \x1b[0mx"
    assert second.startswith("\x1b[32m")


def test_a_reader_that_went_away_is_noticed_once(monkeypatch):
    class Gone(io.StringIO):
        def flush(self):
            raise BrokenPipeError

    closed = []
    console = Console(colour=False, on_closed=lambda: closed.append(1))
    monkeypatch.setattr(sys, "stdout", Gone())

    console.say("one")
    console.say("two")

    assert closed == [1]
