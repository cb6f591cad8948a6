"""Owns the clients of one run: makes them, connects them, and lets none of them outlive it."""

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from random import Random
from types import TracebackType
from typing import Any, Self

import httpx

from asgi_app.storm.history import History
from tests.faults.progress import Progress
from tests.faults.readers import Outsider, Pages, RawReader, SdkReader, Watch
from tests.faults.stage import Person
from tests.faults.writers import Door, RestDoor, SocketDoor, Writer
from tests.live_server import LiveServer

CATCH_UP_S = 20.0


class Crew:
    """Everybody who writes to and reads one chat. As a context: inside it they are connected and read; it ends when
    their fresh reads are done.
    """

    def __init__(self, servers: Sequence[LiveServer], chat: str, rng: Random) -> None:
        self.history = History()
        self.acknowledged = Progress()
        self.writers: list[Writer] = []
        self.https = [httpx.AsyncClient(base_url=server.url, timeout=20) for server in servers]
        self._servers = servers
        self._chat = chat
        self._rng = rng
        self._pages = Pages(self.https, self.dice())
        self._sockets: list[SocketDoor] = []
        self._sdks: list[SdkReader] = []
        self._raws: list[RawReader] = []
        self._works: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def dice(self) -> Random:
        """One's own, for each of those who act at once: what one does then hangs on nobody else's haste."""
        return Random(self._rng.random())

    # Who takes part: before the context is entered

    def socket(self, person: Person, server: LiveServer, *, use_protobuf: bool = False) -> SocketDoor:
        self._sockets.append(SocketDoor(server, person, use_protobuf=use_protobuf))
        return self._sockets[-1]

    def rest(self, person: Person) -> list[RestDoor]:
        """A door at each process."""
        return [RestDoor(http, person) for http in self.https]

    def writer(self, person: Person, doors: Sequence[Door]) -> Writer:
        self.writers.append(
            Writer(
                person,
                doors,
                chat=self._chat,
                history=self.history,
                acknowledged=self.acknowledged,
                rng=self.dice(),
            )
        )
        return self.writers[-1]

    def sdk(self, name: str, person: Person, server: LiveServer, *, use_protobuf: bool = False) -> SdkReader:
        self._sdks.append(SdkReader(self._watch(name, person), server, use_protobuf=use_protobuf))
        return self._sdks[-1]

    def raw(
        self, name: str, person: Person, servers: Sequence[LiveServer], *, wanders: bool = False
    ) -> RawReader:
        reader = RawReader(self._watch(name, person), servers, self.dice(), wanders=wanders)
        self._raws.append(reader)
        self._works.append(reader.follow)
        return reader

    def outsider(self, person: Person) -> Outsider:
        outsider = Outsider(person, self._chat, self._servers, self.history, self.dice())
        self._works.append(outsider.ask)
        return outsider

    def _watch(self, name: str, person: Person) -> Watch:
        return Watch(name, person, self._chat, self.history, self._pages)

    @property
    def readers(self) -> list[SdkReader | RawReader]:
        return [*self._sdks, *self._raws]

    # Their life

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(work()) for work in self._works]
        try:
            await asyncio.gather(
                *(sdk.begin() for sdk in self._sdks), *(door.client.connect() for door in self._sockets)
            )
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await asyncio.gather(*(reader.watch.settles() for reader in self.readers))
        finally:
            await self._end()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        for reader in self.readers:
            reader.watch.give_up()
        await asyncio.gather(
            *(sdk.cut_off() for sdk in self._sdks),
            *(door.client.disconnect() for door in self._sockets),
            *(http.aclose() for http in self.https),
        )
        outcomes = await asyncio.gather(*self._tasks, return_exceptions=True)
        defects = [each for each in outcomes if isinstance(each, Exception)]
        if defects:
            raise ExceptionGroup("readers that failed of themselves", defects)

    async def have_all_seen(self, seq: int) -> None:
        """Waits for it, within reason: whoever has not seen all by then is told by the history."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_S):
                for reader in self.readers:
                    await reader.watch.seen.reaches(seq)

    def report(self) -> None:
        """For whoever reads why a test failed."""
        history = self.history
        answers = sum((writer.used for writer in self.writers), Counter[str]())
        sys.stdout.write(
            f"acknowledged {self.acknowledged.value}, answers {dict(answers)}, "
            f"unknown outcomes {history.unknown_outcomes()}; "
            f"seen live {history.sights('live')}, in replays {history.sights('replay')}, "
            f"starts over {history.starts_over()}\n"
        )
        for reader in self.readers:
            closes = dict(Counter(reader.closes))
            sys.stdout.write(f"  {reader.watch.name} is at {reader.watch.position}; closes {closes}\n")
