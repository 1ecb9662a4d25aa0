"""What no module, template or script may contain, because each use of it needs a review of where its input is from."""

import ast
import re

import pytest

from config.env import ROOT
from tests.architecture import tree

#: Each runs code, or makes objects, out of what it reads.
RUNS_ITS_INPUT = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput",
    "subprocess.getstatusoutput", "pickle.load", "pickle.loads", "marshal.loads", "shelve.open", "yaml.load",
    "yaml.unsafe_load", "mark_safe", "RawSQL",
}  # fmt: skip
#: Parsers of XML expand entities, some of them from files and addresses.
XML = re.compile(r"(xml|lxml|defusedxml|xmltodict)(\.|$)")
#: A client's checksum of a piece of an upload, for which tus requires SHA-1 and on which nothing rests; and codes of
#: authenticator apps (RFC 6238), which are HMACs: collisions do not matter to them.
WEAK_ALLOWED = {
    "media_pipeline/uploads/resumable.py",
    "media_pipeline/uploads/tus_headers.py",
    "accounts/logins/two_factor.py",
}
WEAK = {"md5", "sha1", "MD5", "SHA1", "DES", "TripleDES", "ARC4", "Blowfish", "ECB"}
#: Jitter of retries, which nobody gains by guessing.
PREDICTABLE_ALLOWED = {"celery_ledger/asking/policy.py"}
#: Functions whose statements are built of what no user sends.
BUILT_OF_CONSTANTS = {
    ("celery_ledger/ledger/due_jobs.py", "_take_stranded"),
    ("celery_ledger/ledger/adoption.py", "adopt"),  # names out of PostgreSQL's catalogue, quoted
}
TEMPLATES = sorted(
    path for package in tree.PACKAGES for path in (ROOT / package).rglob("templates/**/*") if path.is_file()
)
SCRIPTS = sorted((ROOT / "web" / "static").rglob("*.js"))


def of_kind(kind):
    """Yield the path of each module with each of its nodes of that kind."""
    for path in tree.modules():
        for node in ast.walk(tree.parsed(path)):
            if isinstance(node, kind):
                yield tree.name_of(path), node


def imported():
    for name, node in of_kind((ast.Import, ast.ImportFrom)):
        modules = (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
        )
        yield from ((name, module) for module in modules)


def test_nothing_runs_code_or_builds_objects_out_of_its_input():
    found = [(name, ast.unparse(call.func)) for name, call in of_kind(ast.Call)]

    assert [(name, called) for name, called in found if called in RUNS_ITS_INPUT] == []


def test_no_program_is_started_by_a_shell():
    calls = [(name, keyword) for name, call in of_kind(ast.Call) for keyword in call.keywords]

    assert [(name, each.lineno) for name, each in calls if each.arg == "shell"] == []


def is_built(text):
    """Whether a statement is put together of anything but literals and constants of a module."""
    if isinstance(text, ast.JoinedStr):
        parts = [each.value for each in text.values if isinstance(each, ast.FormattedValue)]
        return not all(re.fullmatch(r"(\w+\.)?_?[A-Z][A-Z_]*", ast.unparse(part)) for part in parts)
    return isinstance(text, ast.BinOp | ast.Call)


def test_no_statement_is_put_together_out_of_input():
    methods = {"execute", "executemany", "raw", "extra"}
    found = [
        (name, function.name)
        for name, function in of_kind(ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in methods
        and call.args
        and is_built(call.args[0])
    ]

    assert [each for each in found if each not in BUILT_OF_CONSTANTS] == []


def test_no_module_reads_xml():
    assert [(name, module) for name, module in imported() if XML.match(module)] == []


def test_nothing_rests_on_a_broken_algorithm():
    found = {name for name, node in of_kind(ast.Attribute) if node.attr in WEAK}
    found |= {name for name, node in of_kind(ast.Name) if node.id in WEAK}

    assert found <= WEAK_ALLOWED


def test_nothing_secret_comes_from_a_predictable_generator():
    found = {name for name, module in imported() if module == "random"}

    assert found <= PREDICTABLE_ALLOWED
    assert [name for name, node in of_kind(ast.Attribute) if node.attr in {"uuid1", "uuid3"}] == []


def test_no_certificate_goes_unchecked():
    unchecked = {"CERT_NONE", "_create_unverified_context"}
    calls = [(name, keyword) for name, call in of_kind(ast.Call) for keyword in call.keywords]

    assert [name for name, node in of_kind(ast.Attribute) if node.attr in unchecked] == []
    assert [
        name
        for name, each in calls
        if each.arg in {"verify", "verify_ssl", "check_hostname"} and ast.unparse(each.value) == "False"
    ] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=tree.name_of)
def test_every_page_escapes_what_it_shows_and_has_no_script_of_its_own(path):
    text = path.read_text()

    if path.suffix == ".html":
        assert not re.search(r"\|\s*safe\b|safeseq|autoescape\s+off", text)
        assert not re.search(r"\son\w+\s*=|javascript:", text)
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    else:
        assert path.suffix in {".txt", ".css"}  # plain text, which nothing renders


@pytest.mark.parametrize("path", SCRIPTS, ids=tree.name_of)
def test_no_script_makes_a_page_of_text_or_keeps_data_in_the_browser(path):
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|"
        r"localStorage|sessionStorage|indexedDB|document\.cookie|postMessage"
    )

    assert re.findall(forbidden, path.read_text()) == []


def test_no_page_loads_anything_from_another_site():
    loaded = re.compile(
        r"""<(?:script|link|img|iframe|video|source)[^>]*\b(?:src|href)=["']?(?:https?:)?//"""
    )

    assert [tree.name_of(path) for path in TEMPLATES if loaded.search(path.read_text())] == []


def test_every_requirement_is_pinned():
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = (ROOT / name).read_text().splitlines()
        required = [line for line in lines if re.match(r"[A-Za-z0-9]", line)]

        assert len(required) > 50
        assert [line for line in required if not re.match(r"[\w.\[\],-]+==[\w.+!]+", line)] == []
