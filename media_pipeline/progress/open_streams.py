"""Gateway to the cache: counts the event streams that each user has open, in all web processes together.

A stream holds a place under its own name, and renews it while it is sent; the place of a process that was killed
expires. A cache that is down lets every stream pass: a limit is worth less than the stream.
"""

import asyncio
import time
from functools import cache
from typing import Final
from uuid import UUID, uuid4

import redis
import structlog
from django.conf import settings
from redis.commands.core import Script

from media_pipeline.errors import TooManyStreams

log = structlog.get_logger(__name__)

_HELD_SECONDS: Final = 30
_RENEWED_EVERY_SECONDS: Final = 10.0
_TIMEOUT_SECONDS: Final = 1

# One script: between counting and adding, a hundred streams that open at once would all pass.
_TAKE: Final = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local held = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not held and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""


class Place:
    """One open stream's place among those that its user may have."""

    def __init__(self, user_id: UUID) -> None:
        self._key = f"offstage:streams:{user_id}"
        self._name = uuid4().hex
        self._renewed_at = time.monotonic()

    async def take(self) -> None:
        """Hold the place. Raises TooManyStreams."""
        if not await asyncio.to_thread(self._take, settings.EVENT_STREAMS_PER_USER):
            raise TooManyStreams(settings.EVENT_STREAMS_PER_USER)

    async def renew(self) -> None:
        """Go on holding the place; to be called every few seconds."""
        if time.monotonic() - self._renewed_at > _RENEWED_EVERY_SECONDS:
            self._renewed_at = time.monotonic()
            # Whoever has a place keeps it, also where the cache forgot it.
            await asyncio.to_thread(self._take, settings.EVENT_STREAMS_PER_USER + 1_000_000)

    async def give_back(self) -> None:
        """Let another stream have the place."""
        await asyncio.to_thread(self._give_back)

    def _take(self, limit: int) -> bool:
        try:
            taken = _script(settings.CACHE_URL)(keys=[self._key], args=[self._name, limit, _HELD_SECONDS])
        except redis.RedisError as error:
            log.warning("stream_limit_skipped", error=type(error).__name__)
            return True
        return bool(taken)

    def _give_back(self) -> None:
        try:
            _script(settings.CACHE_URL).registered_client.zrem(self._key, self._name)
        except redis.RedisError as error:
            log.warning("stream_limit_skipped", error=type(error).__name__)


@cache
def _script(url: str) -> Script:
    timeouts = {"socket_connect_timeout": _TIMEOUT_SECONDS, "socket_timeout": _TIMEOUT_SECONDS}
    return redis.Redis.from_url(url, **timeouts).register_script(_TAKE)
