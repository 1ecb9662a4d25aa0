"""A provider's rate, shared by all workers: a moving window in the cache server, and a line before it.

Not Celery's `rate_limit`, which each worker counts for itself. And not the moving window of the `limits` package:
it compares the clocks of the workers, and it can't say when to come back. Jobs that came back by chance used 75 %
of the rate in our tests, those that come back at their place in the line over 90 %.

A use counts from its permission until the job's body has returned, and for a period after that: only so the provider
never sees more, however long a mail was on its way. Counted by permissions, eight busy workers brought it 34 in a
second of 20. The price is the time a body takes: at 20/s and 50 ms a mail the rate is used to 95 %.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from uuid import uuid4

import structlog
from django.conf import settings
from limits import parse
from redis import Redis, RedisError
from redis.commands.core import Script

log = structlog.get_logger(__name__)

#: The wait of a job that finds the cache server away: a provider's rate is a promise, so nobody passes.
STORE_AWAY_SECONDS = 5.0
#: A place in the line is that much later than it might be, so that one who is on time is never too early.
SLACK = 0.03
#: How long a use takes is learned from those that have ended, the newest one with this weight.
NEWEST_WEIGHT = 0.2

# Times are the server's own. `held`: uses under way, and since when. `ended`: when the others ended, no longer than a
# period ago. `line`: who waits, and until when. `took`: how long a use takes.
_KEYS = ("held", "ended", "line", "took")

# A newcomer's turn comes a period after that of the one who stands `uses` places before it.
_TAKE = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
local held, ended, line, took = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local job, use = ARGV[1], ARGV[2]
local uses, period, slack, longest = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local function exactly(seconds) return string.format('%.6f', seconds) end

redis.call('ZREMRANGEBYSCORE', held, '-inf', '(' .. exactly(now - longest - period))
redis.call('ZREMRANGEBYSCORE', ended, '-inf', '(' .. exactly(now - period))
redis.call('ZREMRANGEBYSCORE', line, '-inf', '(' .. exactly(now - period))
local turn = tonumber(redis.call('ZSCORE', line, job) or 0)
if turn > now then
    return exactly(turn - now)
end
local over = redis.call('ZCARD', ended)
if over + redis.call('ZCARD', held) < uses then
    redis.call('ZREM', line, job)
    redis.call('ZADD', held, exactly(now), use)
    redis.call('PEXPIRE', held, math.ceil((longest + period) * 1000))
    return '0'
end

local lasts = tonumber(redis.call('GET', took) or 0)
local function end_of(place)
    if place < over then
        return tonumber(redis.call('ZRANGE', ended, place, place, 'WITHSCORES')[2])
    end
    local since = tonumber(redis.call('ZRANGE', held, place - over, place - over, 'WITHSCORES')[2])
    return math.max(now, since + lasts)
end
-- Who comes back has its turn already, and only those before it stand before it.
local ahead = turn > 0 and redis.call('ZRANK', line, job) or redis.call('ZCARD', line)
local before
if ahead < uses then
    before = end_of(ahead)
else
    before = tonumber(redis.call('ZRANGE', line, ahead - uses, ahead - uses, 'WITHSCORES')[2]) + lasts
end
turn = math.max(now, before + period) + slack * period
redis.call('ZADD', line, exactly(turn), job)
redis.call('PEXPIRE', line, math.ceil((turn - now + period) * 1000))
return exactly(turn - now)
"""

_END = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
local held, ended, took = KEYS[1], KEYS[2], KEYS[4]
local use, period, weight = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local since = tonumber(redis.call('ZSCORE', held, use) or now)
redis.call('ZREM', held, use)
redis.call('ZADD', ended, string.format('%.6f', now), use)
redis.call('PEXPIRE', ended, math.ceil(period * 1000))
local lasts = tonumber(redis.call('GET', took) or now - since)
redis.call('SET', took, lasts + weight * (now - since - lasts), 'PX', math.ceil(period * 60000))
"""


@dataclass(frozen=True)
class Use:
    """One use of a rate, or (`wait_seconds` above 0) the time after which to ask again."""

    wait_seconds: float
    name: str = ""
    id: str = ""


def take(name: str | None, job_id: str, *, longest_seconds: float) -> Use:
    """Take one use where the rate allows it now, or say how long to wait. None has no limit.

    The use is to be given to `end` or `give_back`. One that never is, since its worker died, counts for
    `longest_seconds` and a period.
    Twice, while the job waits: it has one place in the line.
    """
    rate = settings.JOB_RATE_LIMITS.get(name) if name else None
    if name is None or rate is None or rate == "none":
        return Use(0.0)
    uses, use_id = parse(rate), f"{job_id}/{uuid4()}"
    try:
        answer = _script(_TAKE)(
            keys=_keys(name),
            args=[job_id, use_id, uses.amount, uses.get_expiry(), SLACK, longest_seconds],
        )
    except RedisError as error:
        log.warning("rate_limit_store_away", limit=name, reason=str(error))
        return Use(STORE_AWAY_SECONDS)
    return Use(float(answer), name, "" if float(answer) else use_id)


def end(use: Use) -> None:
    """Let the use count for a period from now: the provider was called."""
    if use.id:
        period = parse(settings.JOB_RATE_LIMITS[use.name]).get_expiry()
        _tell(use, lambda: _script(_END)(keys=_keys(use.name), args=[use.id, period, NEWEST_WEIGHT]))


def give_back(use: Use) -> None:
    """Let the use not count: the provider will not be called."""
    if use.id:
        _tell(use, lambda: _client().zrem(_keys(use.name)[0], use.id))


def _tell(use: Use, tell: Callable[[], object]) -> None:
    try:
        tell()
    except RedisError as error:
        log.warning("rate_limit_store_away", limit=use.name, reason=str(error))


def _keys(name: str) -> list[str]:
    return [f"rate:{name}:{key}" for key in _KEYS]


@cache
def _script(text: str) -> Script:
    return _client().register_script(text)


@cache
def _client() -> Redis:
    # A worker's process has one thread that runs jobs; a server that hangs costs a job a second, not its life.
    return Redis.from_url(settings.CACHE_URL, socket_timeout=1, socket_connect_timeout=1)
