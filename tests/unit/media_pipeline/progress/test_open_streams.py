"""How many event streams a user has open, counted in the cache."""

import uuid

import pytest
from asgiref.sync import async_to_sync

from media_pipeline.errors import TooManyStreams
from media_pipeline.progress import open_streams


@pytest.fixture
def user_id(settings):
    settings.EVENT_STREAMS_PER_USER = 1
    return uuid.uuid4()


def a_place(user_id):
    place = open_streams.Place(user_id)
    async_to_sync(place.take)()
    return place


def test_a_place_is_held_until_it_is_given_back(user_id):
    place = a_place(user_id)
    with pytest.raises(TooManyStreams):
        a_place(user_id)

    async_to_sync(place.give_back)()

    assert a_place(user_id)


def test_the_place_of_a_process_that_was_killed_is_free_after_a_while(user_id, monkeypatch):
    monkeypatch.setattr(open_streams, "_HELD_SECONDS", 0)
    a_place(user_id)

    assert a_place(user_id)


def test_whoever_has_a_place_renews_it_also_where_the_cache_forgot_it(user_id, monkeypatch):
    monkeypatch.setattr(open_streams, "_RENEWED_EVERY_SECONDS", -1)
    place = a_place(user_id)
    async_to_sync(place.give_back)()
    other = a_place(user_id)

    async_to_sync(place.renew)()
    async_to_sync(other.give_back)()

    with pytest.raises(TooManyStreams):
        a_place(user_id)


def test_a_cache_that_is_down_lets_every_stream_pass(user_id, settings):
    settings.CACHE_URL = "redis://127.0.0.1:1/0"

    for _ in range(3):
        async_to_sync(a_place(user_id).give_back)()
