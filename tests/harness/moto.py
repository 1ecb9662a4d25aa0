"""AWS on this machine: moto behind a door of its own, which can be shut while the service keeps what it holds.

with S3(tmp_path / "s3") as bucket:
    stack = Stack(tmp_path, STORAGE_URL=bucket.url)
    bucket.kill()                # its port refuses
    bucket.start()               # with all that it held
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]  # no stubs
import httpx
from botocore.config import Config  # type: ignore[import-untyped]  # no stubs

from tests.harness.broker import Service
from tests.harness.ports import free_port

REGION = "us-east-1"


class Moto(Service):
    """The service and its door."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port, self._inner_port = free_port(), free_port()

    def start(self, *, empty: bool = False) -> None:
        if "moto" not in self._processes:
            moto = ("-m", "moto.server", "-H", "127.0.0.1", "-p", str(self._inner_port))
            self._run("moto", sys.executable, *moto)
            self._await("moto", self._inner_port)
        elif empty:
            reset = f"http://127.0.0.1:{self._inner_port}/moto-api/reset"
            httpx.post(reset, trust_env=False).raise_for_status()
        if "door" not in self._processes:
            door = ("-m", "tests.harness.door", str(self.port), str(self._inner_port))
            self._run("door", sys.executable, *door)
        self._await("door", self.port)

    def kill(self) -> None:
        self._end("door")

    def client(self, service: str) -> Any:
        """Return a client of it that goes past the door, so that it can be asked while it is shut."""
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self._inner_port}",
            region_name=REGION,
            aws_access_key_id="x",
            aws_secret_access_key="y",
            config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}),
        )

    @property
    def _serving(self) -> Sequence[str]:
        return ["door"]

    def _answers(self, port: int) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/moto-api/data.json", trust_env=False).is_success
        except httpx.TransportError:
            return False


class S3(Moto):
    """moto's S3 with one bucket."""

    bucket = "films"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        endpoint = f"http://127.0.0.1:{self.port}"
        self.url = f"s3://x:y@{self.bucket}?endpoint_url={endpoint}&region={REGION}"

    def start(self, *, empty: bool = False) -> None:
        super().start(empty=empty)
        # Made anew where it is there: S3 says yes to its owner, in this region.
        self.client("s3").create_bucket(Bucket=self.bucket)

    def objects(self) -> list[str]:
        """Return the keys of all objects, of which a test makes less than a thousand."""
        found = self.client("s3").list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [each["Key"] for each in found]
