from io import BytesIO

import pytest
from rest_framework.exceptions import ParseError

from api.parsers import Json


def test_json_is_read():
    assert Json().parse(BytesIO(b'{"name": "a"}')) == {"name": "a"}


@pytest.mark.parametrize("piece", [b"[", b'{"a":'])
def test_a_body_nested_too_deeply_is_at_fault_itself(piece):
    with pytest.raises(ParseError, match="nested too deeply"):
        Json().parse(BytesIO(piece * 100_000))
