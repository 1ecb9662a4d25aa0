"""What the file alone decides is tried once, and somebody learns of it."""

import struct

import pytest
from structlog.testing import capture_logs

from celery_ledger.errors import Permanent, Transient
from media_pipeline.engine.unforeseen import FOR_THE_OWNER, judged_by_the_file


@pytest.mark.parametrize(
    "error", [ZeroDivisionError(), KeyError("moov"), ValueError(), struct.error("short")]
)
def test_what_the_file_makes_our_code_raise_is_permanent_and_logged(error):
    with capture_logs() as logs, pytest.raises(Permanent, match=FOR_THE_OWNER), judged_by_the_file():
        raise error

    assert [line["event"] for line in logs] == ["video_failure_unforeseen"]


@pytest.mark.parametrize("error", [OSError(28, "disk full"), MemoryError(), Transient("away")])
def test_what_the_machine_raises_passes_and_is_tried_again(error):
    with pytest.raises(type(error)), judged_by_the_file():
        raise error
