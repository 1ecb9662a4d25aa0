import re

import pytest

from celery_ledger import defaults
from config import env
from config.env import ROOT

NUMBERS = [name for name in dir(defaults) if isinstance(getattr(defaults, name), int | float)]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_project_that_sets_nothing_gets_what_this_one_sets(name):
    example = {variable.name: variable.default for variable in env.variables()}

    assert getattr(defaults, name) == float(example[name])


@pytest.mark.parametrize("name", NUMBERS)
def test_the_readme_says_so(name):
    shown = re.search(rf"`{name}` (\d+)", (ROOT / "celery_ledger" / "README.md").read_text())

    assert shown is not None
    assert getattr(defaults, name) == float(shown[1])
