"""What a request of the tus protocol says in its headers. Source: tus 1.0.0, https://tus.io/protocols/resumable-upload.

Whoever asks has checked nothing yet: each function raises Refused for what makes no sense.
"""

import binascii
import hashlib
import re
from base64 import b64decode
from typing import Final

from django.http import HttpRequest

from api.errors import Refused
from media_pipeline.uploads.resumable import Checksum

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,termination,checksum,expiration"
CONTENT_TYPE: Final = "application/offset+octet-stream"
ALGORITHMS: Final = ("sha1", "sha256", "sha512")  # sha1 is the one that every server has to know
METADATA_CHARACTERS: Final = 4000
#: Headers of extensions that are not offered, each with what the client can do. Ignored, they would cost the client
#: the whole transfer: a part of a concatenation is of no use alone.
UNSUPPORTED: Final = {
    "Upload-Concat": "Concatenation is not supported; disable parallel uploads in the client.",
    "Upload-Defer-Length": "A deferred length is not supported; send Upload-Length.",
}

# 18 digits: less than the database's largest number.
_NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_METADATA_KEY: Final = re.compile(r"[!-+\--~]+")  # visible ASCII without a comma


def method_of(request: HttpRequest) -> str:
    """Return the method that is meant: some networks let neither PATCH nor DELETE through."""
    return request.headers.get("X-HTTP-Method-Override", request.method or "").upper()


def refuse_another_version(request: HttpRequest) -> None:
    """Raise Refused unless the request speaks our version of the protocol."""
    if request.headers.get("Tus-Resumable") != VERSION:
        raise Refused(f"Tus-Resumable: only version {VERSION} is supported.", status=412)


def refuse_another_type(request: HttpRequest) -> None:
    """Raise Refused unless the body is said to be bytes of an upload."""
    if request.content_type != CONTENT_TYPE:
        raise Refused(f"Content-Type must be {CONTENT_TYPE}.", status=415)


def refuse_unsupported(request: HttpRequest) -> None:
    """Raise Refused for a header of an extension that is not offered.

    With 400: clients repeat a request that got a 5xx, 501 included.
    """
    for name, reason in UNSUPPORTED.items():
        if name in request.headers:
            raise Refused(f"{name}: {reason}")


def has_body(request: HttpRequest) -> bool:
    """Say whether a body, if only an empty one, comes along in pieces or with a length above 0."""
    return announced_bytes(request) != 0


def announced_bytes(request: HttpRequest) -> int | None:
    """Return the length of the body, None for one that comes in pieces until it ends."""
    if "Transfer-Encoding" in request.headers:
        return None
    return int(request.headers.get("Content-Length") or 0)


def length(request: HttpRequest) -> int:
    """Return how many bytes the upload will have; no fewer than come along."""
    found = _number(request, "Upload-Length")
    if found < (announced_bytes(request) or 0):
        raise Refused("Upload-Length: the request body is longer than this.", status=413)
    return found


def offset(request: HttpRequest) -> int:
    """Return where the client wants to go on."""
    return _number(request, "Upload-Offset")


def metadata(request: HttpRequest) -> str:
    """Return the metadata as they were sent: keys, each once, with a value in base64 or none."""
    sent = request.headers.get("Upload-Metadata", "").strip()
    if len(sent) > METADATA_CHARACTERS:
        raise Refused(f"Upload-Metadata: {METADATA_CHARACTERS} characters at most.")
    keys = [_metadata_key(pair) for pair in sent.split(",")] if sent else []
    if len(set(keys)) != len(keys):
        raise Refused("Upload-Metadata: each key once.")
    return sent


def checksum(request: HttpRequest) -> Checksum | None:
    """Return what the body is to add up to, None where the client does not say."""
    sent = request.headers.get("Upload-Checksum")
    if sent is None:
        return None
    algorithm, _, encoded = sent.partition(" ")
    if algorithm not in ALGORITHMS:
        raise Refused(f"Upload-Checksum: one of {', '.join(ALGORITHMS)}, and the checksum in base64.")
    digest = _decoded(encoded, "Upload-Checksum")
    if len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise Refused(f"Upload-Checksum: not a valid {algorithm} checksum.")
    return Checksum(algorithm, digest)


def _number(request: HttpRequest, name: str) -> int:
    sent = request.headers.get(name, "")
    if not _NUMBER.fullmatch(sent):
        raise Refused(f"{name}: a whole number is required.")
    return int(sent)


def _metadata_key(pair: str) -> str:
    key, _, encoded = pair.strip().partition(" ")
    if not _METADATA_KEY.fullmatch(key):
        raise Refused("Upload-Metadata: pairs of a key and a value in base64, with commas between.")
    _decoded(encoded, "Upload-Metadata")
    return key


def _decoded(encoded: str, name: str) -> bytes:
    try:
        return b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(f"{name}: not valid base64.") from error
