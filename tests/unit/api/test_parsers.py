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
