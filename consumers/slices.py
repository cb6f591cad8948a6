"""What newcomers need of the event loop, done a slice at a time: whoever is here already waits for one slice, not for the
crowd.

After a deploy thousands come back at once. What each costs is little, but what they cost together would be done in a few
long turns of the loop, and an event takes several turns from Redis to the sockets.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from functools import partial

SLICE_S = 0.0025
# What they ask for next comes soon after, all at once.
MOST_IN_A_SLICE = 12
# So many turns of the loop are empty of newcomers; an event needs one from Redis to the sockets.
TURNS_BETWEEN = 1
# How fast the guess of what one newcomer costs follows what they do cost.
_WEIGHT = 0.2
# So many within that time are a crowd, and it is over when that time has passed without as many.
CROWD = 200
CROWD_WITHIN_S = 0.5
# When that many ask at once, more are on their way.
MANY = 48
GATHERS_S = 0.03


def gather_s(count: int) -> float:
    """How long to wait for more before Redis is asked, when that many want to ask: a batch costs little more than one."""
    return GATHERS_S if count >= MANY else 0.0


class Lane(IntEnum):
    """The kernel keeps only so many connections, and whom it has no room for tries again seconds later: so they are taken in
    before all else. Then those go on who have begun, so that as many as can be are through early. One place in each slice
    is given to the lanes by turns, so that none waits for ever while another never runs empty.
    """

    TAKEN_IN = 0
    UNDER_WAY = 1
    NEW = 2


class Slices:
    """While few come, each goes on at once. If more come in one turn of the loop they wait here, by lane and in the order in
    which they came, and as many go on in one slice as fit into `SLICE_S`, by what the last ones have taken until they
    waited for something else.
    """

    def __init__(self) -> None:
        self._lanes: tuple[deque[Callable[[], object]], ...] = tuple(deque() for _ in Lane)
        self.is_going = False
        """Somebody waits, or goes on just now."""
        self._begun = 0
        self._passed = 0
        self._cost_s = SLICE_S / 4
        self._begun_at = 0.0
        self._counted_since = 0.0
        self._counted = 0
        self._crowd_until = 0.0

    def note_newcomer(self) -> None:
        now = time.perf_counter()
        if now - self._counted_since > CROWD_WITHIN_S:
            self._counted_since, self._counted = now, 0
        self._counted += 1
        if self._counted >= CROWD:
            self._crowd_until = now + CROWD_WITHIN_S

    def is_crowd(self) -> bool:
        """Whether many come just now."""
        return time.perf_counter() < self._crowd_until

    async def turn(self) -> None:
        """Returns when it is this newcomer's turn: what comes before their next `await` is part of the slice."""
        if self.passes():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wait(partial(_settle, turn), Lane.UNDER_WAY)
        await turn

    def passes(self) -> bool:
        """Whether a newcomer may go on at once: nobody waits, and few have gone on in this turn of the loop."""
        if self.is_going or self._passed == MOST_IN_A_SLICE:
            return False
        if not self._passed:
            asyncio.get_running_loop().call_soon(self._forget_passed)
        self._passed += 1
        return True

    def _forget_passed(self) -> None:
        self._passed = 0

    def call(self, function: Callable[[], object], lane: Lane = Lane.UNDER_WAY) -> None:
        """Calls it when it is its turn."""
        loop = asyncio.get_running_loop()
        self._wait(lambda: loop.call_soon(function), lane)

    def _wait(self, begin: Callable[[], object], lane: Lane) -> None:
        self._lanes[lane].append(begin)
        if not self.is_going:
            self.is_going = True
            self._begin()

    def _begin(self) -> None:
        # What is woken here runs in the loop's next turn, one after the other, between the two that look at the clock.
        loop = asyncio.get_running_loop()
        count = min(self._waiting(), max(1, int(SLICE_S / self._cost_s)), MOST_IN_A_SLICE)
        loop.call_soon(self._look_at_the_clock)
        self._begun += 1
        for left in reversed(range(count)):
            lanes = [lane for lane in self._lanes if lane]
            lanes[0 if left else self._begun % len(lanes)].popleft()()
        loop.call_soon(self._end, count)

    def _waiting(self) -> int:
        return sum(map(len, self._lanes))

    def _look_at_the_clock(self) -> None:
        self._begun_at = time.perf_counter()

    def _end(self, count: int) -> None:
        cost_s = (time.perf_counter() - self._begun_at) / count
        self._cost_s += _WEIGHT * (cost_s - self._cost_s)
        self._pause(TURNS_BETWEEN)

    def _pause(self, turns: int) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(self._pause, turns - 1)
        elif self._waiting():
            self._begin()
        else:
            self.is_going = False


def _settle(turn: "asyncio.Future[None]") -> None:
    if not turn.done():  # they have not gone
        turn.set_result(None)
