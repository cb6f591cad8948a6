"""Who may open another socket: counted by address before the handshake is answered, and by user when it is known who.

Sockets that are open are counted over all processes. Each process keeps its own counts and, where there is Redis, a copy
of them there that runs out unless it is refreshed, so that a killed process holds nobody's place for longer than a
minute. Who comes while the last question is at Redis is asked about in the next one, so a crowd that reconnects costs a
round trip per batch. With Redis down each process counts for itself: a limit is no reason to turn people away.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any
from uuid import uuid4

from django.conf import settings

from consumers.slices import gather_s
from messaging.counters import REDIS_ERRORS, REFUSALS
from messaging.errors import TooMany
from messaging.limits import WINDOW_S, countable
from messaging.redis_calls import REDIS_TROUBLE, RedisCalls, RedisRefusal

logger = logging.getLogger("parley.admission")

EXPIRES_S = 60
REFRESH_EVERY_S = 20
WITHIN_S = 1.0
# How long a Redis that failed is left alone: nobody waits for its time-out again and again.
AVOID_S = 5.0
# Of one subject after the other: writes how many sockets it has here and says how many elsewhere; then of one address
# after the other, how many handshakes there were. One string of numbers: anything else takes longer to read than to ask for.
_TELL = """
local here, now, alive_until, subjects = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if alive_until ~= '' then redis.call('ZADD', KEYS[1], alive_until, here) end
local is_other = {}
for _, process in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf')) do is_other[process] = process ~= here end
local told = {}
for at = 2, #KEYS do
    local key, count, answer = KEYS[at], ARGV[at + 5], 0
    if at > subjects + 1 then
        answer = redis.call('INCRBY', key, count)
        redis.call('EXPIRE', key, ARGV[6])
    else
        if count == '0' then
            redis.call('HDEL', key, here)
        else
            redis.call('HSET', key, here, count)
            redis.call('EXPIRE', key, ARGV[5])
        end
        local places = redis.call('HGETALL', key)
        for i = 1, #places, 2 do
            if is_other[places[i]] then answer = answer + places[i + 1] end
        end
    end
    told[at - 1] = answer
end
return table.concat(told, ' ')
"""
_TELL_SHA = sha1(_TELL.encode()).hexdigest()  # noqa: S324 - Redis's name for it
# When a place may be free again is anybody's guess.
RETRY_WITHOUT_PLACE_S = 30.0
# A socket that has been open that long without another of the same subject is nobody's flood.
FORGOTTEN_AFTER_S = 7 * 86_400


@dataclass
class _Question:
    """How many sockets of `subject` are open elsewhere; and how many handshakes there were, this one included, if it is one."""

    subject: str
    is_handshake: bool
    answer: "asyncio.Future[tuple[int, int]]"


@dataclass
class Seat:
    """One socket's place. `leave` may be called twice."""

    admission: "Admission"
    kind: str
    subjects: list[str] = field(default_factory=list)
    left: bool = False

    async def belongs_to(self, user_id: int) -> None:
        """It has come out whose it is. Raises `TooMany`."""
        if not self.left:
            await self.admission.take(self, f"user:{user_id}", settings.SOCKETS_PER_USER)

    def leave(self) -> None:
        if not self.left:
            self.left = True
            self.admission.let_go(self)


class Admission:
    """See the module: the sockets of this process, and what Redis knows of the others'."""

    def __init__(self, redis_url: str) -> None:
        self.sockets: Counter[str] = Counter()
        """Those that are open here, by kind."""
        self._here: Counter[str] = Counter()
        self._process = uuid4().hex
        self._redis = RedisCalls.at(redis_url, WITHIN_S) if redis_url else None
        self._is_known = False
        self._avoid_until = 0.0
        self._questions: list[_Question] = []
        self._changed: set[str] = set()
        self._asking: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._handshakes: Counter[str] = Counter()
        self._window = 0

    async def enter(self, kind: str, scope: Mapping[str, Any]) -> Seat:
        """A place for the socket of this handshake. Raises `TooMany`."""
        seat = Seat(self, kind)
        self.sockets[kind] += 1
        try:
            if address := countable(str((scope.get("client") or [""])[0])):
                await self.take(seat, f"address:{address}", settings.SOCKETS_PER_ADDRESS, is_handshake=True)
        except BaseException:
            seat.leave()
            raise
        return seat

    async def take(self, seat: Seat, subject: str, most: int, *, is_handshake: bool = False) -> None:
        """One more of this subject's places, for this seat."""
        seat.subjects.append(subject)
        self._here[subject] += 1
        elsewhere, handshakes = await self._ask(subject, is_handshake=is_handshake)
        if handshakes > settings.HANDSHAKES_PER_MINUTE:
            what, sentence = "handshake", "Too many new connections."
            retry_after_s = max(1.0, WINDOW_S - time.time() % WINDOW_S)
        elif elsewhere + self._here[subject] > most:
            what, sentence = "socket", f"Too many open connections: at most {most}."
            retry_after_s = RETRY_WITHOUT_PLACE_S
        else:
            return
        REFUSALS.labels(what).inc()
        # The socket may stay a little to hear why; it holds no place.
        if subject in seat.subjects:
            seat.subjects.remove(subject)
            self._give_back([subject])
        raise TooMany(sentence, retry_after_s=retry_after_s)

    def let_go(self, seat: Seat) -> None:
        self.sockets[seat.kind] -= 1
        self._give_back(seat.subjects)
        seat.subjects = []

    def _give_back(self, subjects: list[str]) -> None:
        for subject in subjects:
            self._here[subject] -= 1
            if not self._here[subject]:
                del self._here[subject]
        if self._redis is not None and subjects:
            self._changed.update(subjects)
            self._begin()

    def _count_handshake(self, subject: str) -> int:
        window = int(time.time() // WINDOW_S)
        if window != self._window:
            self._window = window
            self._handshakes.clear()
        self._handshakes[subject] += 1
        return self._handshakes[subject]

    async def _ask(self, subject: str, *, is_handshake: bool) -> tuple[int, int]:
        handshakes = self._count_handshake(subject) if is_handshake else 0
        if self._redis is None or time.monotonic() < self._avoid_until:
            return 0, handshakes
        question = _Question(subject, is_handshake, asyncio.get_running_loop().create_future())
        self._questions.append(question)
        self._begin()
        elsewhere, counted = await question.answer
        return elsewhere, max(handshakes, counted)

    # Redis

    def _begin(self) -> None:
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._ask_all())
        if self._refreshing is None:
            self._refreshing = asyncio.get_running_loop().create_task(self._stay_alive())

    async def _ask_all(self) -> None:
        try:
            while self._questions or self._changed:
                questions, self._questions = self._questions, []
                changed, self._changed = self._changed, set()
                try:
                    await self._ask_redis(questions, changed | {question.subject for question in questions})
                except REDIS_TROUBLE as error:
                    # What was not told now is told when Redis is back, where this process is not known any more.
                    REDIS_ERRORS.labels("admission").inc()
                    self._is_known = False
                    self._avoid_until = time.monotonic() + AVOID_S
                    logger.warning("Sockets are counted by each process for itself: %r", error)
                finally:
                    for question in questions:
                        if not question.answer.done():
                            question.answer.set_result((0, 0))
                if pause_s := gather_s(len(questions)):
                    await asyncio.sleep(pause_s)
        finally:
            self._asking = None

    async def _ask_redis(self, questions: list[_Question], changed: set[str]) -> None:
        """One round trip: tells of what has changed here, asks what the others have."""
        now = time.time()
        handshakes = Counter(question.subject for question in questions if question.is_handshake)
        subjects = list(changed if self._is_known else changed | set(self._here))
        keys = [
            self._alive,
            *map(self._sockets_of, subjects),
            *(self._handshakes_of(subject, now) for subject in handshakes),
        ]
        told = await self._tell(
            keys,
            self._process,
            str(now),
            "" if self._is_known else str(now + EXPIRES_S),
            str(len(subjects)),
            str(FORGOTTEN_AFTER_S),
            str(2 * WINDOW_S),
            *(str(self._here.get(subject, 0)) for subject in subjects),
            *map(str, handshakes.values()),
        )
        self._is_known = True
        elsewhere = dict(zip(subjects, told, strict=False))
        counted = dict(zip(handshakes, told[len(subjects) :], strict=True))
        for question in questions:
            if not question.answer.done():
                question.answer.set_result((elsewhere[question.subject], counted.get(question.subject, 0)))

    async def _tell(self, keys: list[str], *arguments: str) -> list[int]:
        assert self._redis is not None
        rest = (str(len(keys)), *keys, *arguments)
        try:
            [answer] = await self._redis.ask([("EVALSHA", _TELL_SHA, *rest)])
        except RedisRefusal as refusal:
            if not str(refusal).startswith("NOSCRIPT"):
                raise
            [answer] = await self._redis.ask([("EVAL", _TELL, *rest)])
        return [int(number) for number in answer.split()]

    async def _stay_alive(self) -> None:
        """Tells of this process, and of all its sockets if Redis has come back without them."""
        assert self._redis is not None
        while True:
            await asyncio.sleep(REFRESH_EVERY_S)
            try:
                now = time.time()
                is_new, _ = await self._redis.ask(
                    [
                        ("ZADD", self._alive, str(now + EXPIRES_S), self._process),
                        ("ZREMRANGEBYSCORE", self._alive, "-inf", str(now)),
                    ]
                )
                if is_new:
                    self._is_known = False
                    self._changed |= set(self._here)
                    self._begin()
            except REDIS_TROUBLE as error:
                REDIS_ERRORS.labels("admission").inc()
                logger.debug("Redis was not told that this process is there: %r", error)

    async def close(self) -> None:
        """Says nothing more; its places are free within `EXPIRES_S`."""
        tasks = [task for task in (self._asking, self._refreshing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._redis is not None:
            self._redis.hang_up()

    @property
    def _alive(self) -> str:
        return f"{settings.REDIS_PREFIX}:admission"

    def _sockets_of(self, subject: str) -> str:
        return f"{settings.REDIS_PREFIX}:sockets:{subject}"

    def _handshakes_of(self, subject: str, now: float) -> str:
        return f"{settings.REDIS_PREFIX}:handshakes:{subject}:{int(now // WINDOW_S)}"
