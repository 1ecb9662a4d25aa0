import pytest

from celery_ledger.exporter.hosts import is_allowed


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:9808",
        "LOCALHOST.",
        "127.0.0.1:9808",
        "[::1]:9808",
        "10.0.0.7",
        "exporter:9808",
        "a.b.example",
    ],
)
def test_numbers_localhost_and_allowed_names_pass(host):
    assert is_allowed(host, ["exporter", ".b.example"])


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:9808", "127.0.0.1.evil.example", "[::1", "*"]
)
def test_any_other_name_does_not(host):
    assert not is_allowed(host, ["exporter"])
