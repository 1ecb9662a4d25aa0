import pytest

from accounts.checks import check_extensions


def ids():
    return [message.id for message in check_extensions(None)]


def test_the_settings_as_they_are_name_functions_that_exist():
    assert ids() == []


@pytest.mark.parametrize("erasers", [{}, {"files": "media_pipeline.removal.erase:erase_files"}])
def test_a_missing_eraser_is_an_error(settings, erasers):
    settings.ACCOUNT_ERASERS = erasers

    assert ids() == ["accounts.E001"]


@pytest.mark.parametrize(
    "path",
    ["no.such.module:erase", "media_pipeline.removal.erase:no_such", "media_pipeline.removal.erase", ""],
)
def test_a_name_that_leads_nowhere_is_an_error(settings, path):
    settings.ACCOUNT_EXPORTERS = [path]

    assert ids() == ["accounts.E002"]
