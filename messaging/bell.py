"""The bell: how committed events, doorbells and control words leave this process for the hubs of all processes.

Whatever is rung may be lost on the way; a hub finds lost events in the log and lost doorbells in the versions it
compares. So nothing here waits, retries or raises: a failed send is logged and forgotten.

`ring_*` may be called from any thread. The server's event loop does the sending (`attach`); a process without one (a
management command) gets a small loop of its own. What is rung while a send is under way goes out with the next one,
one layer message per stream.
"""

import asyncio
import atexit
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from messaging.counters import REDIS_ERRORS
from messaging.events import ReadDoorbell
from messaging.voice import Voice, make_voice

logger = logging.getLogger("parley.bell")

LAYER_TYPE = "parley"
WORK = "work"
PEOPLE = "people"
READ_MARKS_EVERY_S = 1.0
# Under load there is always work: to say so every time would take longer than much of it.
WORK_EVERY_S = 0.02
# A layer that does not answer must not hold up what is rung when it does again, or another is there.
SEND_WITHIN_S = 5.0

LayerMessage = dict[str, Any]
"""`{"type": "parley", "stream": name}` and any of `events: [[seq, ends, json], …]` with the moment when the first of them
was committed (`committed_at`, in seconds since 1970), `doorbells: [json, …]`, `recheck: true` (compare the user's
credentials again) and `people: true` (somebody goes by another name, or by none)."""


class Bell:
    """One per process; see the module."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._own_loop = False
        self._waiting: dict[str, LayerMessage] = {}
        self._sender: asyncio.Task[None] | None = None
        self._voice: Voice | None = None
        self._marks: defaultdict[str, dict[int, int]] = defaultdict(dict)
        self._rung_for: dict[str, bool] = {}
        """Work that was rung for a moment ago, and whether there has been more since."""

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on `loop` sends. Called by whatever serves on it."""
        if self._loop is not loop:
            with self._lock:
                if self._voice is not None and self._loop is not None and not self._loop.is_closed():
                    self._loop.call_soon_threadsafe(self._voice.hush)
                self._loop, self._own_loop = loop, False
                self._waiting, self._sender, self._voice = {}, None, None
                self._marks.clear()
                self._rung_for.clear()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The one that sends: the server's, if there is one."""
        loop = self._loop
        return self._start_own_loop() if loop is None or loop.is_closed() else loop

    def ring_events(self, committed: Sequence[tuple[str, list[tuple[int, list[int], bytes]]]]) -> None:
        """Streams with the events, `(seq, ends, JSON)`, that have been committed there."""
        self._hand_over(self._take_events, committed, time.time())

    def ring_doorbell(self, stream: str, encoded: bytes) -> None:
        self._hand_over(self._take, stream, "doorbells", encoded)

    def ring_recheck(self, user_id: int) -> None:
        """This user's credentials or rights have changed: every hub compares those of their live connections."""
        self._hand_over(self._take, f"user.{user_id}", "recheck", True)

    def ring_people(self) -> None:
        """Somebody's name has changed or gone: what hubs keep in memory, of whichever streams, may have the old one."""
        self._hand_over(self._take, PEOPLE, "people", True)

    def ring_work(self, what: str) -> None:
        """There is work for the workers: `inbox` or `outbox`. They look by themselves too, only less often."""
        self._hand_over(self._ring_work, what)

    def ring_read(self, stream: str, user_id: int, number: int) -> None:
        """A read mark has risen: announced with the others of this chat, at most once a second."""
        self._hand_over(self._mark, stream, user_id, number)

    def _hand_over(self, take: Any, *what: Any) -> None:
        try:
            self.loop.call_soon_threadsafe(take, *what)
        except RuntimeError:  # the loop ended in between
            logger.warning("A bell was not rung: the event loop has ended.")

    def _start_own_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._loop.is_closed():
                loop = asyncio.new_event_loop()
                threading.Thread(target=loop.run_forever, name="bell", daemon=True).start()
                self._loop, self._own_loop = loop, True
                self._waiting, self._sender, self._voice = {}, None, None
                self._rung_for.clear()
                atexit.register(self.flush)
            return self._loop

    def flush(self, timeout_s: float = 2.0) -> None:
        """Waits until what this process has rung is sent, if it sends on a loop of its own."""
        if self._own_loop and self._loop is not None and not self._loop.is_closed():
            try:
                asyncio.run_coroutine_threadsafe(self.end(), self._loop).result(timeout_s)
            except TimeoutError:
                logger.warning("Some bells were not rung before the process ended.")

    # From here on: on the loop.

    async def settled(self) -> None:
        """Returns when what has been rung is sent."""
        while self._sender is not None:
            await asyncio.wait([self._sender])

    async def end(self) -> None:
        """The same, and then lets go of the layer, until something is rung again."""
        await self.settled()
        if self._voice is not None:
            self._voice.hush()

    def _take_events(self, committed: Sequence[tuple[str, list[Any]]], committed_at: float) -> None:
        for stream, events in committed:
            for event in events:
                self._take(stream, "events", event)
            self._waiting[stream].setdefault("committed_at", committed_at)

    def _take(self, stream: str, what: str, value: Any) -> None:
        message = self._waiting.get(stream)
        if message is None:
            message = self._waiting[stream] = {"type": LAYER_TYPE, "stream": stream}
        if value is True:
            message[what] = True
        else:
            message.setdefault(what, []).append(value)
        if self._sender is None:
            self._sender = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        try:
            while self._waiting and self._loop is asyncio.get_running_loop():
                batch, self._waiting = self._waiting, {}
                try:
                    async with asyncio.timeout(SEND_WITHIN_S):
                        await self._speak().say(batch)
                except Exception as error:
                    REDIS_ERRORS.labels("bell").inc()
                    logger.warning("Some of %d bells were not rung: %r", len(batch), error)
        finally:
            if self._sender is asyncio.current_task():
                self._sender = None

    def _speak(self) -> Voice:
        if self._voice is None:
            self._voice = make_voice()
        return self._voice

    def _ring_work(self, what: str) -> None:
        if what in self._rung_for:
            self._rung_for[what] = True
            return
        self._rung_for[what] = False
        self._take(WORK, what, True)
        asyncio.get_running_loop().call_later(WORK_EVERY_S, self._ring_again, what)

    def _ring_again(self, what: str) -> None:
        if self._rung_for.pop(what, False):
            self._ring_work(what)

    def _mark(self, stream: str, user_id: int, number: int) -> None:
        cooling = stream in self._marks
        self._marks[stream][user_id] = number
        if not cooling:
            self._announce(stream)

    def _announce(self, stream: str) -> None:
        marks = self._marks.get(stream)
        if not marks:
            self._marks.pop(stream, None)
            return
        self._marks[stream] = {}
        doorbell = ReadDoorbell(chat=stream.removeprefix("chat."), marks=marks)
        self._take(stream, "doorbells", doorbell.model_dump_json().encode())
        asyncio.get_running_loop().call_later(READ_MARKS_EVERY_S, self._announce, stream)


bell = Bell()
