import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.contrib.auth.hashers import check_password, get_hasher, make_password
from django.db import connection

from accounts.errors import HashingBusy
from accounts.password_checks import hashing

# Who waits for a turn gives this thread's connection back, which the test before may have left open.
pytestmark = pytest.mark.django_db

OURS = [
    "accounts.password_checks.hashers.Argon2PasswordHasher",
    "accounts.password_checks.hashers.PBKDF2PasswordHasher",
]


@pytest.fixture(autouse=True)
def cheap(settings, monkeypatch):
    settings.PASSWORD_HASHERS = OURS
    for name in ("argon2", "pbkdf2_sha256"):
        monkeypatch.setattr(get_hasher(name), "iterations", 2, raising=False)
    monkeypatch.setattr(get_hasher("argon2"), "memory_cost", 64)


@pytest.mark.parametrize("algorithm", ["argon2", "pbkdf2_sha256"])
def test_every_hash_waits_for_its_turn(settings, algorithm):
    settings.PASSWORD_HASHES_AT_ONCE = 1
    settings.PASSWORD_HASH_WAIT_SECONDS = 0.05
    stored = make_password("a password", hasher=algorithm)
    has_it, may_go = Event(), Event()

    def hold():
        with hashing.turn():
            has_it.set()
            may_go.wait(30)

    with ThreadPoolExecutor(1) as thread:
        held = thread.submit(hold)
        assert has_it.wait(10)
        with pytest.raises(HashingBusy):
            make_password("a password", hasher=algorithm)
        with pytest.raises(HashingBusy):
            check_password("a password", stored)
        may_go.set()
        held.result()

    assert check_password("a password", stored)


@pytest.mark.django_db(transaction=True)
def test_no_connection_is_held_while_a_password_is_hashed():
    with hashing.turn():
        connection.ensure_connection()
        connection.close_at = time.monotonic()  # as with a pool
        make_password("a password")

    assert connection.connection is None


def test_a_hash_of_django_itself_is_right_and_is_computed_anew(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    stored = make_password("a password")
    settings.PASSWORD_HASHERS = OURS
    again: list[str] = []

    assert check_password("a password", stored, setter=again.append)
    assert again == ["a password"]
    assert get_hasher().parallelism == 1
