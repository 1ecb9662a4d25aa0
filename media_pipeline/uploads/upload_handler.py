"""Takes an uploaded video off the wire: straight to disk, beside where it will stay, within the limit."""

import errno
import os
import tempfile
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from media_pipeline.errors import NoRoom, UnusableUpload
from media_pipeline.uploads.multipart import LenientParser

FIELD = "file"
# Boundaries and the other fields of a multipart body.
ENVELOPE_BYTES = 1024 * 1024


class UploadedFilm(TemporaryUploadedFile):
    """A video on the file system of UPLOAD_FOLDER, so that taking it over is a rename. Gone when closed."""

    def __init__(self, name: str, content_type: str | None) -> None:
        folder = Path(settings.UPLOAD_FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
        # The client's ending is left out: some readers of videos choose what to do by it.
        file: IO[Any] = tempfile.NamedTemporaryFile(prefix="film-", suffix=".upload", dir=folder)  # noqa: SIM115 - lives as long as the request
        UploadedFile.__init__(self, file, name, content_type, 0)


class VideoUploadHandler(FileUploadHandler):
    """Writes the one file of the request; stops in the middle of one that is too large."""

    chunk_size = 1024 * 1024
    _is_parsing = False

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: N803 - Django's name
        content_length: int,
        boundary: Any,
        encoding: Any = None,
    ) -> tuple[QueryDict, MultiValueDict[str, Any]] | None:
        """Refuse by the announced length, before a byte is written; then parse leniently, in place of Django."""
        if content_length > settings.VIDEO_MAX_BYTES + ENVELOPE_BYTES:
            raise too_large()
        if self._is_parsing:  # the lenient parser asks its handlers too
            return None
        self._is_parsing = True
        return LenientParser(META, input_data, boundary, [self], encoding).parse()

    def new_file(self, field_name: str, *args: Any, **kwargs: Any) -> None:
        """Open a file for the field `file`; there is one, and no other."""
        super().new_file(field_name, *args, **kwargs)
        if field_name != FIELD or hasattr(self, "film"):
            raise UnusableUpload("Send one video, in the field `file`.")
        self.film = UploadedFilm(self.file_name or "", self.content_type)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write a piece, or refuse and remove what is there."""
        if start + len(raw_data) > settings.VIDEO_MAX_BYTES:
            self.film.close()
            raise too_large()
        try:
            self.film.write(raw_data)
        except OSError as error:
            self.film.close()
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise NoRoom from error

    def file_complete(self, file_size: int) -> UploadedFilm:
        """Hand the video over, on the disk for good."""
        self.film.seek(0)
        self.film.size = file_size
        self.film.flush()
        os.fsync(self.film.fileno())
        return self.film

    def upload_interrupted(self) -> None:
        """Remove what came before the client went away."""
        if hasattr(self, "film"):
            self.film.close()


def too_large() -> UnusableUpload:
    """Return the refusal of a video over the limit."""
    return UnusableUpload(f"The video is larger than the {settings.VIDEO_MAX_BYTES} bytes allowed.")
