"""Somebody who signs up through the web process while a fault strikes, and takes its answer at its word."""

import time
from typing import Self

import httpx

from tests.chaos.load import PASSWORD, Load
from tests.chaos.scene import Scene
from tests.eventually import eventually


class Visitor:
    """A client of the scene's web process, which is started where it does not run."""

    def __init__(self, scene: Scene, load: Load) -> None:
        self.asked = load.asked
        self.seconds: list[float] = []
        if "web" not in scene.parts:
            scene.start_web()
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{scene.house.variables['WEB_PORT']}", trust_env=False, timeout=20
        )
        eventually(self._is_answered, 60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._client.close()

    def sign_up(self, address: str) -> int:
        """Sign up and return the answer's status: 201 is a promise, anything else is none."""
        began = time.monotonic()
        answer = self._client.post("/api/signup", json={"email": address, "password": PASSWORD})
        self.seconds.append(time.monotonic() - began)
        self.asked.addresses.add(address)
        if answer.status_code != httpx.codes.CREATED:
            self.asked.doubtful.add(address)
        return answer.status_code

    def _is_answered(self) -> bool:
        try:
            return self._client.get("/healthz").is_success
        except httpx.TransportError:
            return False
