"""Headers of the tus protocol: what makes sense is read, all else is refused with its name."""

import hashlib
from base64 import b64encode

import pytest
from django.test import RequestFactory

from api.errors import Refused
from media_pipeline.uploads import tus_headers

SHA1 = b64encode(hashlib.sha1(b"film").digest()).decode()  # noqa: S324 - tus asks for it
SHA256 = b64encode(hashlib.sha256(b"film").digest()).decode()


def asked(**headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return RequestFactory().generic("PATCH", "/", headers=named)


@pytest.mark.parametrize("version", [None, "", "0.2.2", "1.0", "1.0.0 "])
def test_only_our_version_is_spoken(version):
    request = asked() if version is None else asked(Tus_Resumable=version)

    with pytest.raises(Refused) as refusal:
        tus_headers.refuse_another_version(request)

    assert refusal.value.status == 412


@pytest.mark.parametrize(("sent", "meant"), [("patch", "PATCH"), ("DELETE", "DELETE"), (None, "POST")])
def test_a_method_that_a_network_does_not_let_through_is_named_in_a_header(sent, meant):
    headers = {} if sent is None else {"X-HTTP-Method-Override": sent}

    assert tus_headers.method_of(RequestFactory().post("/", headers=headers)) == meant


@pytest.mark.parametrize("number", ["0", "7", "007", "9" * 18])
def test_numbers_are_read(number):
    assert tus_headers.offset(asked(Upload_Offset=number)) == int(number)
    assert tus_headers.length(asked(Upload_Length=number)) == int(number)


@pytest.mark.parametrize("number", ["", "-1", "+1", "1.5", "1e3", "0x10", "٣", "1 2", "9" * 19])
def test_what_is_no_number_is_refused(number):
    for name, read in (("Upload-Offset", tus_headers.offset), ("Upload-Length", tus_headers.length)):
        with pytest.raises(Refused, match=name):
            read(asked(**{name: number}))


def test_an_upload_is_no_shorter_than_what_comes_along():
    request = RequestFactory().post("/", b"12345", "x/y", headers={"Upload-Length": "4"})

    with pytest.raises(Refused) as refusal:
        tus_headers.length(request)

    assert refusal.value.status == 413


@pytest.mark.parametrize("sent", ["", "filename Zmls", "a", "a ,b Zg==", "filename Zmls, type Zg=="])
def test_metadata_are_kept_as_they_came(sent):
    assert tus_headers.metadata(asked(Upload_Metadata=sent)) == sent


@pytest.mark.parametrize(
    "sent",
    [
        ",",
        "a,",
        "a b c",
        "a %%%",
        "a Zg",
        "a,a",
        "\xe4 Zg==",
        "a " + "A" * tus_headers.METADATA_CHARACTERS,
    ],
)
def test_metadata_that_are_none_are_refused(sent):
    with pytest.raises(Refused, match="Upload-Metadata"):
        tus_headers.metadata(asked(Upload_Metadata=sent))


def test_checksums_are_read():
    assert tus_headers.checksum(asked()) is None
    assert tus_headers.checksum(asked(Upload_Checksum=f"sha1 {SHA1}")).algorithm == "sha1"
    assert (
        tus_headers.checksum(asked(Upload_Checksum=f"sha256 {SHA256}")).digest
        == hashlib.sha256(b"film").digest()
    )


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "sha1",
        "crc99 Zg==",
        SHA1,
        f"sha1  {SHA1}",
        "sha1 %%%",
        f"sha1 {SHA256}",
        f"sha256 {SHA1}",
        f"shake_128 {SHA1}",
    ],
)
def test_checksums_that_are_none_are_refused(sent):
    with pytest.raises(Refused, match="Upload-Checksum"):
        tus_headers.checksum(asked(Upload_Checksum=sent))


@pytest.mark.parametrize(
    ("headers", "announced"),
    [
        ({}, 0),
        ({"Content-Length": "0"}, 0),
        ({"Content-Length": "5"}, 5),
        ({"Transfer-Encoding": "chunked"}, None),
    ],
)
def test_a_body_is_there_where_it_has_a_length_or_comes_in_pieces(headers, announced):
    request = asked(**headers)

    assert tus_headers.announced_bytes(request) == announced
    assert tus_headers.has_body(request) == (announced != 0)
