"""What is written about the program is what the program does."""

import re

import pytest

from config.env import ROOT, read, variables

EXAMPLE = re.compile(r"^#?([A-Z][A-Z_]+)=(.*)$", re.MULTILINE)


def example():
    return dict(EXAMPLE.findall((ROOT / ".env.example").read_text()))


def test_the_example_names_every_variable_in_the_order_of_the_code():
    assert list(example()) == [variable.name for variable in variables()]


@pytest.mark.parametrize("variable", variables(), ids=lambda variable: variable.name)
def test_the_example_shows_the_default(variable):
    assert example()[variable.name] == variable.default


def test_the_example_parses_with_everything_switched_on():
    assert read(example()) == read({})


def test_every_variable_has_a_meaning_above_it():
    lines = (ROOT / ".env.example").read_text().splitlines()
    named = [number for number, line in enumerate(lines) if EXAMPLE.match(line)]

    assert all(lines[number - 1].startswith("# ") for number in named)


def test_the_readme_knows_no_variable_that_the_program_does_not():
    readme = (ROOT / "README.md").read_text()
    section = readme.partition("## Environment")[2].partition("\n## ")[0]
    named = re.findall(r"`([A-Z][A-Z_]+)`", section)

    assert named
    assert set(named) <= set(example())


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_the_lock_names_no_index(name):
    assert "://" not in (ROOT / name).read_text()


@pytest.mark.parametrize("name", ["requirements.in", "requirements-dev.in"])
def test_every_requirement_has_a_reason(name):
    lines = (ROOT / name).read_text().splitlines()
    required = [line for line in lines if line and not line.startswith(("#", "-r"))]

    assert [line for line in required if "#" not in line] == []
