from io import BytesIO

import pytest
from rest_framework.exceptions import ParseError

from api.parsers import Json, TooLarge


def test_json_is_read():
    assert Json().parse(BytesIO(b'{"name": "a"}')) == {"name": "a"}


@pytest.mark.parametrize("piece", [b"[", b'{"a":'])
def test_a_body_nested_too_deeply_is_at_fault_itself(piece):
    with pytest.raises(ParseError, match="nested too deeply"):
        Json().parse(BytesIO(piece * 100_000))


def test_a_body_is_read_up_to_its_limit(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10

    assert Json().parse(BytesIO(b'"12345678"')) == "12345678"
    with pytest.raises(TooLarge, match="10 bytes"):
        Json().parse(BytesIO(b'"123456789"'))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"email": "a@example.org", "email": "b@example.org"}', "occurs twice"),
        (b'{"keys": {"auth": 1, "auth": 2}}', "occurs twice"),
        (b'{"a": 1, "\\u0061": 2}', "occurs twice"),
        (b'{"a": NaN}', "NaN is not a JSON value"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON value"),
        (b'{"a": 1e999}', "out of range"),
        (b'{"a": ' + b"9" * 1_000_000 + b"}", "out of range"),
        ('{"a": "b"}'.encode("utf-16"), "codec can't decode"),
        (b'\xef\xbb\xbf{"a": 1}', "BOM"),
        (b"", "Expecting value"),
        (b"{'a': 1}", "Expecting property name"),
        (b'{"a": 1} {"a": 2}', "Extra data"),
    ],
    ids=lambda value: value[:24] if isinstance(value, bytes) else None,
)
def test_what_parsers_read_in_different_ways_is_refused(body, why):
    with pytest.raises(ParseError, match=why):
        Json().parse(BytesIO(body))
