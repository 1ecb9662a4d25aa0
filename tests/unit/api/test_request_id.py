import re

import pytest

from api.request_id import sane_request_id


def test_a_sane_id_of_the_client_is_kept():
    assert sane_request_id("build-7.a_1") == "build-7.a_1"


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 65, "a\nlevel=error", "é"])
def test_any_other_id_is_replaced_by_one_of_ours(given):
    assert re.fullmatch("[0-9a-f]{32}", sane_request_id(given))
