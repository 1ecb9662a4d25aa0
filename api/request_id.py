"""The id that a request bears. Without the REST framework, for it is asked before Django is set up, too."""

import re
import uuid

HEADER = "X-Request-ID"
SANE_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)


def sane_request_id(given: str | None) -> str:
    """Return the client's id where it is harmless in a log, else a new one."""
    if given is not None and SANE_ID.fullmatch(given):
        return given
    return uuid.uuid4().hex
