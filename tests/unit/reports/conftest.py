"""A reports folder of each test's own."""

import pytest


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.OFFSTAGE_DATA = tmp_path
    return tmp_path / "reports"
