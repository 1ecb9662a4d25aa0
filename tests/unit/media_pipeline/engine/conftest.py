"""Films made once a session, when a test first asks for them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.media_pipeline.engine.films import FILMS


@pytest.fixture(autouse=True)
def folders():
    """Nothing here touches the folders of the program."""


@pytest.fixture(scope="session")
def film_path(tmp_path_factory) -> Callable[[str], Path]:
    """Give the path of a video by its name in films.py."""
    folder = tmp_path_factory.mktemp("films")

    def find(name: str) -> Path:
        path = folder / name
        if not path.exists():
            FILMS[name](path)
        return path

    return find
