"""Bodies that are read."""

from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser


class TooLarge(APIException):
    """The body is larger than is read here."""

    status_code = 413

    def __init__(self) -> None:
        super().__init__(f"A body may have {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes.")


class Json(JSONParser):
    """JSON of a size that fits into memory; one nested too deeply to be read is at fault itself, and no bug of ours."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return what the body says. Raises ParseError where it says nothing, TooLarge beyond BODY_MAX_BYTES."""
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge
        try:
            return super().parse(BytesIO(body), media_type, parser_context)
        except RecursionError as error:
            raise ParseError("JSON parse error - nested too deeply") from error
