import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock
from typing import ClassVar

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.utils import timezone

from accounts.errors import HashingBusy
from accounts.mail import mailed_tokens
from accounts.mail.models import TokenPurpose
from accounts.password_checks import hashing
from tests.unit.accounts.conftest import PASSWORD

# Who waits for a turn gives this thread's connection back, which the test before may have left open.
pytestmark = pytest.mark.django_db


@pytest.fixture
def taken(settings):
    """Another thread has the process's only turn until the test ends."""
    settings.PASSWORD_HASHES_AT_ONCE = 1
    settings.PASSWORD_HASH_WAIT_SECONDS = 0.05
    has_it, may_go = Event(), Event()

    def hold():
        with hashing.turn():
            has_it.set()
            may_go.wait(30)

    with ThreadPoolExecutor(1) as thread:
        held = thread.submit(hold)
        assert has_it.wait(10)
        yield
        may_go.set()
        held.result()


def test_no_more_than_the_limit_have_a_turn_at_once(settings):
    settings.PASSWORD_HASHES_AT_ONCE = 3
    lock, start = Lock(), Barrier(12)
    present, most = 0, 0

    def hash_one():
        nonlocal present, most
        start.wait()
        with hashing.turn():
            with lock:
                present += 1
                most = max(most, present)
            sum(range(20_000))
            with lock:
                present -= 1

    with ThreadPoolExecutor(12) as threads:
        for done in [threads.submit(hash_one) for _ in range(12)]:
            done.result()

    assert 1 <= most <= 3


def test_who_waits_too_long_is_refused(taken):
    with pytest.raises(HashingBusy) as refusal, hashing.turn():
        pass

    assert refusal.value.status == 503


def test_a_turn_within_a_turn_is_the_same(settings):
    settings.PASSWORD_HASHES_AT_ONCE = 1
    settings.PASSWORD_HASH_WAIT_SECONDS = 0.05

    with hashing.turn(), hashing.turn():
        pass
    with hashing.turn():
        pass


@pytest.mark.django_db(transaction=True)
def test_a_thread_has_no_connection_while_it_waits_for_its_turn(taken):
    connection.ensure_connection()
    connection.close_at = time.monotonic()  # as with a pool: a connection is given back as soon as it may be

    with pytest.raises(HashingBusy), hashing.turn():
        pass

    assert connection.connection is None


def test_a_login_that_waits_too_long_answers_503_and_when_to_try_again(a_user, api, taken):
    user = a_user()

    answer = api.post("/api/login", {"email": user.email, "password": PASSWORD})

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert "logging in right now" in answer.json()["detail"]


def test_the_page_answers_503_and_when_to_try_again(a_user, client, taken):
    user = a_user()

    answer = client.post("/login", {"email": user.email, "password": PASSWORD})

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_login_that_waited_in_vain_is_not_counted_as_a_failure(a_user, api, taken, settings):
    settings.LOGIN_MAX_FAILURES = 1
    user = a_user()
    body = {"email": user.email, "password": PASSWORD}

    assert [api.post("/api/login", body).status_code for _ in range(2)] == [503, 503]


class Watching(MD5PasswordHasher):
    """A hasher that notes whether a transaction is open while it computes."""

    algorithm = "watching"
    was_in_transaction: ClassVar[list[bool]] = []

    def encode(self, password, salt):
        self.was_in_transaction.append(connection.in_atomic_block)
        return super().encode(password, salt)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", [{}, {"HTTP_IDEMPOTENCY_KEY": "one"}])
def test_no_transaction_is_open_while_a_password_is_hashed(a_user, api, as_user, settings, key):
    user = a_user()
    settings.PASSWORD_HASHERS = [f"{__name__}.Watching", *settings.PASSWORD_HASHERS]
    Watching.was_in_transaction.clear()
    token = mailed_tokens.issue(user, TokenPurpose.RESET, timezone.now())
    new = "an entirely new passphrase"

    answers = [
        api.post("/api/signup", {"email": "new@example.org", "password": PASSWORD}, **key),
        api.post("/api/password-reset/confirm", {"token": token, "password": new}, **key),
        api.post("/api/login", {"email": user.email, "password": new}, **key),
    ]
    user.refresh_from_db()
    answers.append(as_user(user).delete("/api/account", {"password": new}, **key))

    assert [answer.status_code for answer in answers] == [201, 200, 200, 202]
    assert len(Watching.was_in_transaction) >= 4
    assert not any(Watching.was_in_transaction)


@pytest.mark.django_db
def test_a_token_that_is_not_valid_costs_no_hash(api, settings):
    settings.PASSWORD_HASHERS = ["no.such.Hasher"]
    body = {"token": "nonsense", "password": "an entirely new passphrase"}

    answer = api.post("/api/password-reset/confirm", body)

    assert answer.status_code == 400


@pytest.mark.django_db(transaction=True)
def test_a_reset_sent_again_under_its_key_gets_the_same_response(a_user, api):
    token = mailed_tokens.issue(a_user(), TokenPurpose.RESET, timezone.now())
    body = {"token": token, "password": "an entirely new passphrase"}

    first, again = (
        api.post("/api/password-reset/confirm", body, HTTP_IDEMPOTENCY_KEY="same") for _ in range(2)
    )

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["Idempotent-Replayed"] == "true"
