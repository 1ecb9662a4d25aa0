"""Users, and a data folder of each test's own."""

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone


@pytest.fixture(autouse=True)
def folders(settings, tmp_path):
    """No test sees another's files; both folders on one file system, as always."""
    settings.MEDIA_FOLDER = tmp_path / "media"
    settings.UPLOAD_FOLDER = tmp_path / "uploads"
    settings.MEDIA_FOLDER.mkdir()
    settings.UPLOAD_FOLDER.mkdir()
    return tmp_path


@pytest.fixture
def move(settings, tmp_path):
    """Goes on at a machine of that name, with a disk of its own."""

    def to(name):
        settings.MEDIA_FOLDER = tmp_path / name / "media"
        settings.UPLOAD_FOLDER = tmp_path / name / "uploads"
        for folder in (settings.MEDIA_FOLDER, settings.UPLOAD_FOLDER):
            folder.mkdir(parents=True, exist_ok=True)

    return to


@pytest.fixture
def owner(db):
    return _user("owner@example.org")


@pytest.fixture
def stranger(db):
    return _user("stranger@example.org")


def _user(email):
    return get_user_model().objects.create_user(email, "correct horse battery", verified_at=timezone.now())
