"""Multipart bodies whose part headers are not UTF-8."""

from io import BytesIO

import pytest
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser

from media_pipeline.uploads.upload_handler import VideoUploadHandler

HEAD = b'Content-Disposition: form-data; name="'


def parse(*parts: bytes):
    body = b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + b"--x--\r\n"
    meta = {"CONTENT_TYPE": "multipart/form-data; boundary=x", "CONTENT_LENGTH": len(body)}
    return MultiPartParser(meta, BytesIO(body), [VideoUploadHandler(HttpRequest())]).parse()


@pytest.mark.parametrize("content", [b"", b"\xe4\r\n\r\n--\xe4--\xfc", b"\xff" * 3_000_000])
def test_the_content_of_a_file_is_not_touched(content):
    fields, files = parse(
        HEAD + b'title"\r\n\r\nHoliday', HEAD + b'file"; filename="B\xe4r.mp4"\r\n\r\n' + content
    )

    with files["file"] as film:
        assert (fields["title"], film.name, film.size) == ("Holiday", "Bär.mp4", len(content))
        assert film.read() == content


@pytest.mark.parametrize("name", [b"..", b"a/..", b"\x01", b"films\\"])
def test_a_name_of_which_nothing_is_left_is_no_file(name):
    _, files = parse(HEAD + b'file"; filename="' + name + b'"\r\n\r\nx')

    assert not files
