"""The rate limiter for many processes: one script on Redis for each question, so that no two requests fall between each other."""

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from domain.runtime.rate_limits import Admission, Bucket, Draw, Rule, admission, drawn, microseconds

log = structlog.get_logger()
# A limiter is not worth waiting for: after so long the request passes, and for a while no other asks.
TIMEOUT_SECONDS = 0.1
PAUSE_SECONDS = 2.0
LOG_SECONDS = 60.0

# KEYS: a sorted set for each rule. ARGV: now, a name for this request, then limit and window of each rule; times in microseconds.
# Returns 1 if it was admitted, then for each rule how many are counted and the one whose leaving makes room.
ADMIT = """
local now, answer = tonumber(ARGV[1]), {1}
local counts = {}
for i, key in ipairs(KEYS) do
  local limit, window = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now - window))
  counts[i] = redis.call('ZCARD', key)
  if counts[i] >= limit then answer[1] = 0 end
end
for i, key in ipairs(KEYS) do
  local limit, window = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
  if answer[1] == 1 then
    redis.call('ZADD', key, ARGV[1], ARGV[2])
    redis.call('PEXPIRE', key, math.ceil(window / 1000) + 1000)
    counts[i] = counts[i] + 1
  end
  local leaves = redis.call('ZRANGE', key, math.max(0, counts[i] - limit), math.max(0, counts[i] - limit), 'WITHSCORES')
  table.insert(answer, counts[i])
  table.insert(answer, string.format('%.0f', tonumber(leaves[2] or ARGV[1])))
end
return answer
"""
# KEYS: a hash. ARGV: now (microseconds), points, size, points restored a second. Returns 1 if they were drawn, and the level after it.
DRAW = """
local now, points, size, rate = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local kept = redis.call('HMGET', KEYS[1], 'drawn', 'at')
local level, at = tonumber(kept[1] or '0'), tonumber(kept[2] or ARGV[1])
level = math.max(0, level - math.max(0, now - at) * rate / 1000000)
at = math.max(at, now)
local admitted = 0
if points <= 0 or level + points <= size then
  admitted = 1
  level = math.max(0, level + points)
end
redis.call('HSET', KEYS[1], 'drawn', string.format('%.17g', level), 'at', string.format('%.0f', at))
redis.call('PEXPIRE', KEYS[1], math.ceil(level / rate * 1000) + 1000)
return {admitted, string.format('%.17g', level)}
"""


class RedisRateLimiter:
    """Counts in Redis for all processes; while Redis is away or slow every request passes, and a line a minute says so."""

    def __init__(self, url: str, prefix: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._redis: Redis = Redis.from_url(
            url, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds, retry=Retry(NoBackoff(), 0)
        )
        self._timeout_seconds = timeout_seconds
        self._prefix = f"{prefix}:limits"
        self._admit: AsyncScript = self._redis.register_script(ADMIT)
        self._draw: AsyncScript = self._redis.register_script(DRAW)
        self._names = (f"{secrets.token_hex(4)}.{number}" for number in itertools.count())
        self._paused_until = self._silent_until = 0.0

    async def admit(self, subject: str, rules: Sequence[Rule], now: datetime) -> Admission:
        moment = microseconds(now)
        arguments: list[Any] = [moment, next(self._names)]
        for rule in rules:
            arguments += [rule.limit, rule.window_seconds * 1_000_000]
        found = await self._ask(self._admit(keys=[self._key(subject, rule.bucket) for rule in rules], args=arguments)) if rules else None
        if found is None:
            return admission(rules, [0] * len(rules), [moment] * len(rules), moment, admitted=True)
        admitted, *facts = map(int, found)
        return admission(rules, facts[::2], facts[1::2], moment, admitted=bool(admitted))

    async def draw(self, subject: str, bucket: Bucket, points: int, now: datetime) -> Draw | None:
        arguments = [microseconds(now), points, bucket.size, bucket.restored_per_second]
        found = await self._ask(self._draw(keys=[self._key(subject, bucket.name)], args=arguments))
        if found is None:
            return drawn(bucket, 0, 0)
        return drawn(bucket, float(found[1]), 0 if int(found[0]) else points)

    async def close(self) -> None:
        await self._redis.aclose()

    def _key(self, subject: str, bucket: str) -> str:
        # The braces keep all that one script touches on one node of a cluster.
        return f"{self._prefix}:{{{subject}}}:{bucket}"

    async def _ask(self, question: Awaitable[Any]) -> list[Any] | None:
        """Return the script's answer, None if there is none to be had."""
        now = asyncio.get_running_loop().time()
        if now < self._paused_until:
            cast("Any", question).close()
            return None
        try:
            async with asyncio.timeout(2 * self._timeout_seconds):  # a connection may have to be opened, and the script sent
                return cast("list[Any]", await question)
        except (RedisError, OSError) as error:
            self._paused_until = asyncio.get_running_loop().time() + PAUSE_SECONDS
            if now >= self._silent_until:
                self._silent_until = now + LOG_SECONDS
                log.warning("rate_limits.store_broken", error=f"{type(error).__name__}: {error}"[:200])
            return None
