"""tests/unit/ is the tree again: who knows a module finds its tests."""

from config.env import ROOT

UNIT = ROOT / "tests" / "unit"


def has_its_module(path):
    """Say whether there is what the test module is about: a module, a package, or a folder of other files."""
    folder = ROOT / path.parent.relative_to(UNIT)
    name = path.stem.removeprefix("test_")
    is_code = any(folder.glob("*.py"))
    return folder.is_dir() and (not is_code or (folder / f"{name}.py").exists() or (folder / name).is_dir())


def test_every_unit_test_is_named_for_the_module_it_tests():
    strays = [
        str(path.relative_to(ROOT)) for path in sorted(UNIT.rglob("test_*.py")) if not has_its_module(path)
    ]

    assert strays == []
