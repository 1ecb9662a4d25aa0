"""Gateway to the pub/sub of the cache: says "this video changed" to every event stream that waits for it.

A message is only a wake-up. Who hears it reads the database, and reads it anyway after a while: a lost
message or a cache that is down costs two seconds, never an event.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Protocol
from uuid import UUID

import redis
import redis.asyncio
import structlog
from django.conf import settings

log = structlog.get_logger(__name__)

_CONNECT_SECONDS = 1


class Ear(Protocol):
    """Waits for one video's changes."""

    async def wait(self, seconds: float) -> None:
        """Return when the video changed, or after `seconds`."""

    async def rest(self, seconds: float) -> None:
        """Return after `seconds`; what is announced meanwhile counts as one change."""


def announce(video_id: UUID | str) -> None:
    """Wake the video's event streams. A cache that is down is logged and costs them their haste only."""
    try:
        _client(settings.CACHE_URL).publish(_channel(video_id), "changed")
    except redis.RedisError as error:
        log.warning("video_announcement_lost", video_id=str(video_id), error=type(error).__name__)


@asynccontextmanager
async def listening(video_id: UUID | str) -> AsyncIterator[Ear]:
    """Yield an ear that hears of the video's changes from now on."""
    client = redis.asyncio.Redis.from_url(settings.CACHE_URL, socket_connect_timeout=_CONNECT_SECONDS)
    channel = client.pubsub(ignore_subscribe_messages=True)
    try:
        try:
            await channel.subscribe(_channel(video_id))
        except redis.RedisError:
            yield _Deaf()
        else:
            yield _Listener(channel)
    finally:
        await channel.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
        await client.aclose()


class _Listener:
    def __init__(self, channel: redis.asyncio.client.PubSub) -> None:
        self._channel = channel

    async def wait(self, seconds: float) -> None:
        try:
            await self._channel.get_message(timeout=seconds)
        except redis.RedisError:
            await asyncio.sleep(seconds)

    async def rest(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        try:
            while await self._channel.get_message(timeout=0):
                continue
        except redis.RedisError:
            return


class _Deaf:
    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def rest(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _channel(video_id: UUID | str) -> str:
    return f"offstage:video:{video_id}"


@cache
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_connect_timeout=_CONNECT_SECONDS, socket_timeout=_CONNECT_SECONDS)
