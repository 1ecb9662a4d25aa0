"""Reads multipart bodies as Django does, and part headers that are not UTF-8 as well.

Django passes over a header that does not decode, and with it over the file: the client would read that it sent none.
"""

from collections.abc import Sequence
from html import unescape
from typing import Any

from django.core.files.uploadhandler import FileUploadHandler
from django.http.multipartparser import MultiPartParser

from media_pipeline.file_names import decoded, without_controls

HEADER_END = b"\r\n\r\n"


class LenientParser(MultiPartParser):
    """Django's parser for names in any encoding; names keep the joiners of emoji and of Persian."""

    def __init__(
        self,
        META: Any,  # noqa: N803 - Django's name
        input_data: Any,
        boundary: bytes,
        upload_handlers: Sequence[FileUploadHandler],
        encoding: Any,
    ) -> None:
        body: Any = _DecodedHeaders(input_data, boundary)
        super().__init__(META, body, list(upload_handlers), encoding)

    def sanitize_file_name(self, file_name: str) -> str | None:
        """Return the last part of `file_name` without control characters, None where no name is left."""
        last = unescape(file_name).replace("\\", "/").rpartition("/")[2]
        name = without_controls(last).strip()
        return None if name in {"", ".", ".."} else name


class _DecodedHeaders:
    """A body whose part headers are UTF-8.

    Only the first read is rewritten: it holds a mebibyte, and the file, whose header matters, follows two short fields.
    """

    def __init__(self, body: Any, boundary: bytes) -> None:
        self._body = body
        self._delimiter = b"--" + boundary
        self._is_first = True

    def read(self, size: int) -> bytes:
        """Return the next bytes; the first ones may be a few more than `size`, for characters take more in UTF-8."""
        piece: bytes = self._body.read(size)
        if not self._is_first:
            return piece
        self._is_first = False
        preamble, *parts = piece.split(self._delimiter)
        return self._delimiter.join([preamble, *map(_with_decoded_header, parts)])


def _with_decoded_header(part: bytes) -> bytes:
    header, end, content = part.partition(HEADER_END)
    if not end or header.isascii():
        return part
    return b"\r\n".join(decoded(line).encode() for line in header.split(b"\r\n")) + end + content
