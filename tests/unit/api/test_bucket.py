"""The bucket's gateway: what is stored comes back, and each failure has its meaning."""

from datetime import timedelta

import pytest
from botocore.config import Config  # type: ignore[import-untyped]  # no stubs
from django.conf import settings as present
from django.core.files.storage import default_storage
from django.utils import timezone

from api import bucket as gateway
from api.errors import BucketRefuses, Refused, StorageAway
from celery_ledger.current import CurrentJob, running
from celery_ledger.errors import Cancelled, Fate
from celery_ledger.settling.judge import describe

MEGABYTE = 1024 * 1024


@pytest.fixture
def impatient(bucket, settings):
    """A bucket whose client waits for a moment and asks once."""
    options = present.STORAGES["default"]["OPTIONS"]
    quick = Config(connect_timeout=0.5, read_timeout=0.5, retries={"total_max_attempts": 1})
    changed = {**options, "client_config": options["client_config"].merge(quick)}
    settings.STORAGES = {**present.STORAGES, "default": {**present.STORAGES["default"], "OPTIONS": changed}}
    return bucket


def test_a_file_comes_back_as_it_was_sent_also_in_many_parts(bucket, tmp_path):
    sent, fetched = tmp_path / "sent", tmp_path / "fetched"
    sent.write_bytes(bytes(range(256)) * (80 * 1024))

    gateway.put("a/film", sent)
    gateway.fetch_all([("a/film", fetched)])

    assert sent.stat().st_size > 2 * default_storage.transfer_config.multipart_chunksize
    assert fetched.read_bytes() == sent.read_bytes()
    assert gateway.has("a/film")


def test_bytes_come_back(bucket):
    gateway.put_bytes("a/listing", b"words")

    assert gateway.read("a/listing") == b"words"


def test_what_is_not_there_is_said_as_of_files(bucket, tmp_path):
    assert not gateway.has("nothing")
    with pytest.raises(FileNotFoundError):
        gateway.read("nothing")
    with pytest.raises(FileNotFoundError):
        gateway.fetch_all([("nothing", tmp_path / "nothing")])
    assert list(tmp_path.iterdir()) == []


def test_the_first_parts_of_keys_are_told_once(bucket):
    for key in ("a/1", "a/b/2", "c/3", "alone"):
        gateway.put_bytes(key, b"x")

    assert sorted(gateway.folders()) == ["a", "c"]


def test_more_is_removed_than_one_request_may_name(bucket, monkeypatch):
    monkeypatch.setattr(gateway, "_DELETED_AT_ONCE", 2)
    for number in range(5):
        gateway.put_bytes(f"a/{number}", b"x")

    gateway.remove([*(f"a/{number}" for number in range(5)), "a/never-there"])

    assert bucket.objects() == []


def test_parts_that_a_killed_process_left_go_once_they_are_old(bucket):
    client = bucket.client("s3")
    client.create_multipart_upload(Bucket=bucket.bucket, Key="a/film")
    begun_at = client.list_multipart_uploads(Bucket=bucket.bucket)["Uploads"][0]["Initiated"]

    young = gateway.end_broken_uploads(begun_at)
    old = gateway.end_broken_uploads(begun_at + timedelta(seconds=1))

    assert (young, old) == (0, 1)
    assert not client.list_multipart_uploads(Bucket=bucket.bucket).get("Uploads")


@pytest.mark.parametrize("trouble", ["kill", "freeze"])
def test_a_bucket_that_does_not_answer_is_away_for_jobs_and_for_requests(impatient, tmp_path, trouble):
    (tmp_path / "film").write_bytes(b"film")
    asked = [
        lambda: gateway.put("a", tmp_path / "film"),
        lambda: gateway.put_bytes("a", b"x"),
        lambda: gateway.read("a"),
        lambda: gateway.fetch_all([("a", tmp_path / "b")]),
        lambda: gateway.has("a"),
        lambda: list(gateway.keys("a")),
        lambda: list(gateway.folders()),
        lambda: gateway.remove(["a"]),
        lambda: gateway.end_broken_uploads(timezone.now()),
    ]
    gateway.put_bytes("a", b"x")
    getattr(impatient, trouble)()

    try:
        for ask in asked:
            with pytest.raises(StorageAway) as raised:
                ask()
            assert describe(raised.value).fate == Fate.TRANSIENT
            assert isinstance(raised.value, Refused)
            assert (raised.value.status, raised.value.retry_after) == (503, 5)
    finally:
        if trouble == "freeze":
            impatient.thaw()
        impatient.start()


def test_a_bucket_that_does_not_exist_is_an_operators_business(bucket, tmp_path):
    (tmp_path / "film").write_bytes(b"film")
    bucket.client("s3").delete_bucket(Bucket=bucket.bucket)

    for ask in (
        lambda: gateway.put("a", tmp_path / "film"),
        lambda: gateway.read("a"),
        lambda: list(gateway.keys("a")),
    ):
        with pytest.raises(BucketRefuses, match="NoSuchBucket") as raised:
            ask()
        assert describe(raised.value).fate == Fate.BUG


@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("SlowDown", 503, StorageAway),
        ("InternalError", 500, StorageAway),
        ("RequestTimeout", 400, StorageAway),
        ("Whatever", 502, StorageAway),
        ("Whatever", 429, StorageAway),
        ("AccessDenied", 403, BucketRefuses),
        ("InvalidAccessKeyId", 403, BucketRefuses),
        ("NoSuchBucket", 404, BucketRefuses),
        ("NoSuchKey", 404, FileNotFoundError),
    ],
)
def test_what_an_answer_means(code, status, meaning):
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}

    assert type(gateway._meaning(response)) is meaning


def test_a_job_that_should_stop_stops_between_two_files(bucket, tmp_path):
    for number in range(100):
        (tmp_path / str(number)).write_bytes(b"x")
    job = CurrentJob("id", "a.b", "media", 1, 5, "root", None, None, cancel_requested=True)

    with running(job), pytest.raises(Cancelled):
        gateway.put_all((path.name, path) for path in tmp_path.iterdir())

    assert len(bucket.objects()) < 100


def test_without_a_bucket_there_is_none():
    assert not gateway.is_used()
