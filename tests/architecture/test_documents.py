"""What is written about the program is what the program does."""

import re

import pytest

from config.env import ROOT, read, variables
from tests.architecture import tree

#: A test as a page names it: its file, its file and name, or its name, which may be cut short with three dots.
TEST = re.compile(r"`(?:tests/)?((?:[\w/]+/)?test_\w+\.py)?(?:::)?(test_\w+)?(…)?`")
PAGES = sorted((ROOT / "docs").glob("*.md"))
EXAMPLE = re.compile(r"^#?([A-Z][A-Z_]+)=(.*)$", re.MULTILINE)


LOCKS = ["requirements.txt", "requirements-dev.txt", "requirements-installer.txt"]


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


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_names_no_index(name):
    assert "://" not in (ROOT / name).read_text()


@pytest.mark.parametrize("name", LOCKS)
def test_each_locked_package_has_its_hashes_and_installing_asks_for_them(name):
    locked = re.split(r"\n(?=[\w.-]+(?:\[[\w,-]+\])?==)", (ROOT / name).read_text())[1:]

    assert locked
    assert [package.split()[0] for package in locked if "--hash=sha256:" not in package] == []
    installs = [line for line in (ROOT / "Makefile").read_text().splitlines() if "pip install" in line]
    assert len(installs) == 2
    assert all("--require-hashes" in line for line in installs)


@pytest.mark.parametrize("name", ["requirements.in", "requirements-dev.in"])
def test_every_requirement_has_a_reason(name):
    lines = (ROOT / name).read_text().splitlines()
    required = [line for line in lines if line and not line.startswith(("#", "-r"))]

    assert [line for line in required if "#" not in line] == []


def named_in(page):
    return [named for named in TEST.findall(page.read_text()) if any(named)]


def is_there(file, name, is_cut):
    """Say whether the suite has this test, in this file where one is named."""
    ending = f"/{file}" if file else ".py"
    found = [path for path in tree.tests() if f"/{tree.name_of(path)}".endswith(ending)]
    end = "" if is_cut else r"\("
    return any(
        not name or re.search(rf"^ *(?:async )?def {name}{end}", path.read_text(), re.MULTILINE)
        for path in found
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_is_there(page):
    assert [named for named in named_in(page) if not is_there(*named)] == []


def test_every_defect_has_a_test():
    lines = (ROOT / "docs" / "defects.md").read_text().splitlines()
    rows = [line for line in lines if re.match(r"\| [A-Z`]", line)]

    assert len(rows) >= 22
    assert [row for row in rows if not TEST.search(row.rsplit("|", 2)[1])] == []


def test_every_test_of_a_librarys_own_defect_is_on_the_page():
    telling = re.compile(r"\btest_(?:kombu|celery|django_celery_beat)_still_\w+")
    written = {name for path in tree.tests() for name in telling.findall(path.read_text())}

    assert written == set(telling.findall((ROOT / "docs" / "defects.md").read_text()))
