"""A provider's rate, shared by all workers: a moving window in the cache server, and a line before it.

Not Celery's `rate_limit`, which each worker counts for itself. And not the moving window of the `limits` package:
it compares the clocks of the workers, and it can't say when to come back. Jobs that came back by chance used 75 %
of the rate in our tests, those that come back at their place in the line over 90 %.
"""

from functools import cache

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

# Times are the server's own. `grants`: when a use was granted, no longer than a period ago. `line`: who waits, and
# until when. A newcomer's turn comes a period after that of the one who stands `uses` places before it.
_TAKE = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
local grants, line, job = KEYS[1], KEYS[2], ARGV[1]
local uses, period, slack = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

redis.call('ZREMRANGEBYSCORE', grants, '-inf', string.format('(%.6f', now - period))
redis.call('ZREMRANGEBYSCORE', line, '-inf', string.format('(%.6f', now - period))
local turn = tonumber(redis.call('ZSCORE', line, job) or 0)
if turn > now then
    return string.format('%.6f', turn - now)
end
if redis.call('ZCARD', grants) < uses then
    redis.call('ZREM', line, job)
    redis.call('ZADD', grants, string.format('%.6f', now), now .. job)
    redis.call('PEXPIRE', grants, math.ceil(period * 1000))
    return '0'
end

local ahead = redis.call('ZCARD', line)
local before
if turn > 0 then
    -- Its turn had come, and the one before it was late: the next free use is its own.
    before = redis.call('ZRANGE', grants, 0, 0, 'WITHSCORES')
elseif ahead < uses then
    before = redis.call('ZRANGE', grants, ahead, ahead, 'WITHSCORES')
else
    before = redis.call('ZREVRANGE', line, uses - 1, uses - 1, 'WITHSCORES')
end
turn = math.max(now, tonumber(before[2]) + period) + slack * period
redis.call('ZADD', line, string.format('%.6f', turn), job)
redis.call('PEXPIRE', line, math.ceil((turn - now + period) * 1000))
return string.format('%.6f', turn - now)
"""


def wait_seconds(name: str | None, job_id: str) -> float:
    """Return 0 and count one use where the rate allows it now, else how long to wait. None has no limit.

    Twice, while the job waits: it has one place in the line.
    """
    rate = settings.JOB_RATE_LIMITS.get(name) if name else None
    if rate is None or rate == "none":
        return 0.0
    uses = parse(rate)
    try:
        answer = _take()(
            keys=[f"rate:{name}:grants", f"rate:{name}:line"],
            args=[job_id, uses.amount, uses.get_expiry(), SLACK],
        )
    except RedisError as error:
        log.warning("rate_limit_store_away", limit=name, reason=str(error))
        return STORE_AWAY_SECONDS
    return float(answer)


@cache
def _take() -> Script:
    # A worker's process has one thread that runs jobs; a server that hangs costs a job a second, not its life.
    client = Redis.from_url(settings.CACHE_URL, socket_timeout=1, socket_connect_timeout=1)
    return client.register_script(_TAKE)
