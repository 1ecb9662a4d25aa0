"""Bodies that are read."""

import json
import math
from collections.abc import Mapping
from typing import IO, Any, Final

from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser

NUMBER_MAX_DIGITS: Final = 40


class TooLarge(APIException):
    """The body is larger than is read here."""

    status_code = 413

    def __init__(self) -> None:
        super().__init__(f"The request body exceeds {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes.")


class Json(JSONParser):
    """JSON that every parser reads alike: UTF-8, no name twice in an object, no number that is not finite."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return what the body says. Raises ParseError for anything else, TooLarge beyond BODY_MAX_BYTES."""
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge
        try:
            return json.loads(
                body.decode(),  # of bytes, json would take UTF-16 and UTF-32 as well
                object_pairs_hook=_object,
                parse_constant=_refuse_constant,
                parse_float=_finite,
                parse_int=_whole,
            )
        except RecursionError as error:
            raise ParseError("JSON parse error - nested too deeply") from error
        except ValueError as error:  # a UnicodeDecodeError as well
            raise ParseError(f"JSON parse error - {error}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # RFC 8259, section 4: of a name that comes twice, one parser takes the first value and the next one the last. What
    # a proxy has checked would not be what is read here.
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice in an object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is out of range")
    return number


def _whole(text: str) -> int:
    # The time that it takes to read a number grows with the square of its digits.
    if len(text) > NUMBER_MAX_DIGITS:
        raise ValueError("a number is out of range")
    return int(text)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON value")
