"""What this process asks of Redis: commands and their replies over one line (`messaging/redis_line.py`), which is there while it
is needed.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import hiredis
from redis.exceptions import RedisError

from messaging.redis_line import Command, RedisLine

# Whatever stands between us and Redis may have forgotten a connection that was silent for longer.
FRESH_S = 25.0

RedisRefusal = hiredis.ReplyError
"""What Redis says to a command that it does not do."""

REDIS_TROUBLE = (OSError, hiredis.HiredisError)
"""What `RedisCalls.ask` raises."""


@dataclass
class _Question:
    """So many replies are missing still."""

    missing: int
    answered: asyncio.Future[list[Any]]
    replies: list[Any] = field(default_factory=list)


class RedisCalls:
    """Used from one event loop. Who asks does not wait for who asked before; a lost connection is made again by whoever asks
    next.
    """

    def __init__(self, host: dict[str, Any], within_s: float) -> None:
        """`host` as channels_redis has it; what takes longer than `within_s` is given up."""
        self._host = host
        self._within_s = within_s
        self._line: RedisLine | None = None
        self._opening = asyncio.Lock()
        self._unanswered: deque[_Question] = deque()
        self._used_at = 0.0

    @staticmethod
    def at(redis_url: str, within_s: float) -> "RedisCalls":
        return RedisCalls({"address": redis_url}, within_s)

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """What Redis replies to each. Raises `RedisRefusal`, the first of them, when all have been replied to; OSError if it is
        not known which have been done.
        """
        if not commands:
            return []
        try:
            async with asyncio.timeout(self._within_s):
                line = await self._open_line()
                question = _Question(len(commands), asyncio.get_running_loop().create_future())
                line.write(commands)
                self._unanswered.append(question)
                replies = await question.answered
        except (TimeoutError, asyncio.CancelledError):
            # It may be dead, and nobody would tell: who asks next has a new one.
            self.hang_up()
            raise
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    async def _open_line(self) -> RedisLine:
        now = asyncio.get_running_loop().time()
        if now - self._used_at > FRESH_S and not self._unanswered:
            self.hang_up()
        self._used_at = now
        if self._line is not None:
            return self._line
        async with self._opening:
            if self._line is None:
                line = RedisLine(self._host, self._take, lambda: None, self._lost)
                try:
                    await line.open()
                except RedisError as error:
                    raise ConnectionError(f"Redis can't be reached: {error}") from error
                self._line = line
            return self._line

    def hang_up(self) -> None:
        """Until something is asked again. What is not answered by now is not known to be done."""
        line, self._line = self._line, None
        if line is not None:
            line.close()
        self._lost(None)

    # What the line says

    def _take(self, reply: Any) -> None:
        question = self._unanswered[0]
        question.replies.append(reply)
        question.missing -= 1
        if not question.missing:
            self._unanswered.popleft()
            if not question.answered.done():  # they have not gone
                question.answered.set_result(question.replies)

    def _lost(self, error: Exception | None) -> None:
        self._line = None
        unanswered, self._unanswered = self._unanswered, deque()
        for question in unanswered:
            if not question.answered.done():
                question.answered.set_exception(
                    ConnectionError(f"The connection to Redis was lost: {error!r}")
                )
