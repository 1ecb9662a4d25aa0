"""The project's own files."""

import ast
from pathlib import Path

from config.env import ROOT

PACKAGES = ("config", "web", "reports", "media_pipeline", "accounts", "api", "celery_ledger")


def modules() -> list[Path]:
    """Return every module of ours that ships, without migrations."""
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return sorted(path for path in [ROOT / "manage.py", *found] if "migrations" not in path.parts)


def doors() -> list[Path]:
    """Return the modules through which the outside comes in."""
    return [path for path in modules() if _is_door(path)]


def tests() -> list[Path]:
    """Return every module of the suite."""
    return sorted((ROOT / "tests").rglob("*.py"))


def parsed(path: Path) -> ast.Module:
    """Return the tree of a module."""
    return ast.parse(path.read_text(), filename=str(path))


def name_of(path: Path) -> str:
    """Return the path as the project writes it."""
    return str(path.relative_to(ROOT))


def _is_door(path: Path) -> bool:
    return path.stem in {"tasks", "admin"} or path.stem.endswith("views") or path.parent.name == "commands"
