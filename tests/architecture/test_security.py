"""docs/security.md: the table of OWASP ASVS 4.0.3 is whole, and what it names is there."""

import ast
import re
import subprocess
from collections import Counter

from django.apps import apps

from config import env
from config.env import ROOT
from config.stack.parts import parts_of
from tests.architecture import tree
from tests.architecture.test_documents import TEST, is_there

#: Requirements of level 2, which has those of level 1 in it. Source: OWASP ASVS 4.0.3, the CSV file.
LEVEL_2 = """
    1.1.1-7 1.2.1-4 1.4.1,4-5 1.5.1-4 1.6.1-4 1.7.1-2 1.8.1-2 1.9.1-2 1.10.1 1.11.1-2 1.12.2 1.14.1-6
    2.1.1-12 2.2.1-3 2.3.1-3 2.4.1-5 2.5.1-7 2.6.1-3 2.7.1-6 2.8.1-7 2.9.1-3 2.10.1-4
    3.1.1 3.2.1-4 3.3.1-4 3.4.1-5 3.5.1-3 3.7.1
    4.1.1-3,5 4.2.1-2 4.3.1-3
    5.1.1-5 5.2.1-8 5.3.1-10 5.4.1-3 5.5.1-4
    6.1.1-3 6.2.1-6 6.3.1-2 6.4.1-2
    7.1.1-4 7.2.1-2 7.3.1,3-4 7.4.1-3
    8.1.1-4 8.2.1-3 8.3.1-8
    9.1.1-3 9.2.1-4
    10.2.1-2 10.3.1-3
    11.1.1-8
    12.1.1-3 12.2.1 12.3.1-6 12.4.1-2 12.5.1-2 12.6.1
    13.1.1,3-5 13.2.1-3,5-6 13.3.1-2 13.4.1-2
    14.1.1-4 14.2.1-6 14.3.2-3 14.4.1-7 14.5.1-4
"""
PAGE = (ROOT / "docs" / "security.md").read_text()
ROW = re.compile(r"^\| (\d+\.\d+\.\d+)( \(L3\))? \| ([^|]+) \| ([^|]+) \| ([^|]*)\|$", re.MULTILINE)
KINDS = ("n/a", "deployer", "open")
#: What a column names in backticks and is a file of the project: it has a folder or a known ending.
FILE = re.compile(
    r"`((?:[\w.-]+/)+[\w.-]+|[\w-]+\.(?:toml|txt|md|yml|in)|Makefile|\.gitignore|\.env\.example)`"
)
SETTING = re.compile(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`")
OUTSIDE = ("django", "knox")
SECRET = re.compile(r"(_KEY|_PASSWORD|_URL|_KEY_FALLBACKS)$")


def expanded(ranges):
    for each in ranges.split():
        section, _, numbers = each.rpartition(".")
        for part in numbers.split(","):
            first, _, last = part.partition("-")
            yield from (f"{section}.{number}" for number in range(int(first), int(last or first) + 1))


def rows():
    return [(match[1], bool(match[2]), match[4], match[5]) for match in ROW.finditer(PAGE)]


def kind_of(how):
    """Return what a row says of its requirement: "held", or one of KINDS."""
    found = re.match(r"\*\*([^*]+)\*\*", how)
    return found[1] if found else "held"


def section(heading):
    return PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_every_requirement_of_level_2_stands_in_the_table_once():
    expected = list(expanded(LEVEL_2))
    of_level_2 = [name for name, is_of_level_3, _, _ in rows() if not is_of_level_3]

    assert len(expected) == 259
    assert Counter(of_level_2) == Counter(expected)
    assert len({name for name, _, _, _ in rows()}) == len(rows())


def test_every_row_of_the_table_is_read():
    assert len(rows()) == len(re.findall(r"^\| \d", PAGE, re.MULTILINE))


def test_what_is_held_names_a_place_and_a_test():
    for name, _, how, tests in rows():
        kind = kind_of(how)
        assert kind in ("held", *KINDS), name
        assert kind == "held" or len(how) > len(f"**{kind}**: "), name
        if kind == "held":
            assert TEST.search(tests), name


def test_every_test_of_the_table_is_there():
    named = [(name, *found) for name, _, _, tests in rows() for found in TEST.findall(tests) if any(found)]

    assert len(named) > 200
    assert [each for each in named if not each[1] or not is_there(*each[1:])] == []


def test_every_file_of_the_page_is_there():
    named = {path for path in FILE.findall(PAGE) if not path.startswith(("tests/", "OFFSTAGE_DATA/"))}

    assert len(named) > 50
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def test_every_setting_of_the_page_is_there():
    known = {variable.name for variable in env.variables()}
    known |= set(
        re.findall(
            r"^([A-Z][A-Z0-9_]+)(?:\s*=|: )", (ROOT / "config" / "settings.py").read_text(), re.MULTILINE
        )
    )
    known |= {"SESSION_COOKIE_SECURE"}  # set together with another one

    assert sorted(set(SETTING.findall(PAGE)) - known) == []


def test_the_sum_above_the_table_is_that_of_its_rows():
    counted = Counter(kind_of(how) for _, is_of_level_3, how, _ in rows() if not is_of_level_3)
    told = re.search(
        r"Of 259 requirements of level 2, (\d+) are held, (\d+) do not apply, (\d+) are left to the deployer "
        r"and (\d+) are open",
        " ".join(PAGE.split()),
    )

    assert told
    assert [int(number) for number in told.groups()] == [counted[kind] for kind in ("held", *KINDS)]


def test_every_part_of_the_program_stands_in_the_document():
    told = section("Parts and trust boundaries")
    parts = [part.name for part in parts_of(env.load(), on_terminal=False)]
    others = ["PostgreSQL", "Valkey", "bucket", "mail server", "mailbox", "push service", "receiver"]

    assert [part for part in (*parts, *others) if f"| {part}" not in told] == []


def test_every_model_stands_in_the_data_table():
    told = section("Data")
    ours = [model for app in apps.get_app_configs() for model in app.get_models() if is_ours(app)]

    assert len(ours) > 15
    assert sorted(model.__name__ for model in ours if f"`{model.__name__}`" not in told) == []


def is_ours(app):
    return app.name.split(".")[0] in tree.PACKAGES


def test_every_security_event_of_the_document_is_logged():
    told = set(re.findall(r"^\| `([a-z_]+)` \|", section("Security events"), re.MULTILINE))
    words = {
        node.value
        for path in tree.modules()
        for node in ast.walk(tree.parsed(path))
        if isinstance(node, ast.Constant)
    }

    assert len(told) > 10
    assert sorted(told - words) == []


def test_no_secret_has_a_default():
    secret = [variable for variable in env.variables() if SECRET.search(variable.name)]

    assert {"SECRET_KEY", "DATABASE_URL", "VAPID_PRIVATE_KEY"} <= {variable.name for variable in secret}
    assert [each.name for each in secret if each.default and each.name != "PUBLIC_URL"] == []
    assert ".env\n" in (ROOT / ".gitignore").read_text()


def audit(tmp_path, words, status):
    """Run the audit with a program that says these words in the place of pip-audit."""
    program = tmp_path / "pip-audit"
    program.write_text(f"#!/bin/sh\necho '{words}'\nexit {status}\n")
    program.chmod(0o755)
    ran = subprocess.run(
        [ROOT / ".ci" / "audit"],
        env=env.inherited({"PIP_AUDIT": str(program)}),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return ran.returncode, ran.stdout


def test_a_known_vulnerability_of_a_requirement_fails_the_check(tmp_path):
    assert audit(tmp_path, "Found 1 known vulnerability in 1 package", 1)[0] == 1
    assert audit(tmp_path, "No known vulnerabilities found", 0) == (0, "audit: no known vulnerabilities\n")
    assert re.search(r"^check:.*(\n\t.*)*\n\t\.ci/audit$", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_a_database_of_vulnerabilities_that_is_away_is_told_and_fails_nothing(tmp_path):
    assert audit(tmp_path, "ConnectionError", 1) == (0, "audit: not asked: ConnectionError\n")


def test_the_page_says_how_to_report():
    assert "docs/security.md" in (ROOT / "SECURITY.md").read_text()
    assert "## Report a vulnerability" in (ROOT / "SECURITY.md").read_text()
