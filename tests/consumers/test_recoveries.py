"""Several come back to a room: what they missed is read once for all of them, and nobody is told what is not theirs."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from consumers import hub as hub_module
from consumers import process as process_module
from consumers import recoveries as recoveries_module
from consumers.auth import Visitor
from consumers.following import Following
from consumers.process import LiveProcess
from consumers.protocol import Command, ProtocolError, Subscribe
from consumers.recent import SEVERAL
from consumers.replies import Replies
from consumers.stream import Stream
from messaging.actions.accounts import change_profile
from messaging.actions.chats import add_member, leave_room, remove_member
from messaging.actions.deployment import bump_epoch
from messaging.actions.messages import delete_message, post_message
from messaging.bell import bell
from messaging.database import DatabaseThreads
from messaging.queries import events as events_module
from messaging.queries.events import Tail, tail
from tests.consumers.stage import Actor, Cast, Stage
from tests.consumers.test_stream import Dialect, Socket


class Comer(Socket):
    """Somebody who comes back, with what they are answered before it is encoded."""

    def __init__(self, actor: Actor, process: LiveProcess) -> None:
        super().__init__(Dialect("a"), actor.id)
        self.result: dict[str, Any] = {}
        self.error: ProtocolError | None = None
        visitor = Visitor()
        visitor.credential = SimpleNamespace(user=actor.user)  # type: ignore[assignment]
        replies = Replies(self.wire, self)  # type: ignore[arg-type]  # as much of an encoding as is asked of it
        self._following = Following(self, f"client of {actor.name}", visitor, replies, process)

    def reply_frame(self, command: Command, result: dict[str, Any]) -> bytes:
        self.result = result
        return b""

    def error_frame(self, command: Command, error: ProtocolError) -> bytes:
        self.error = error
        return b""

    def unsubscribe_frame(self, stream: str, code: int, reason: str) -> bytes:
        return b""

    async def follow(self, *, uri: str, since: int, epoch: str) -> None:
        request = Subscribe(channel=f"chat.{uri}", recover=True, epoch=epoch, offset=since)
        await self._following.subscribe([Command(1, "subscribe", request)])

    @property
    def told(self) -> list[dict[str, Any]]:
        """The events that they have missed."""
        return [orjson.loads(encoded) for _, _, encoded in self.result.get("publications", ())]

    @property
    def texts(self) -> list[str]:
        return [event["message"]["text"] for event in self.told if event["type"] == "message.posted"]


class Live:
    """The live connections of this process, and how often what they have missed is read from a log."""

    def __init__(self, stage: Stage, process: LiveProcess, reads: list[str]) -> None:
        self.process = process
        self.reads = reads
        self._stage = stage

    def stream(self, uri: str) -> Stream:
        return self.process.hub.streams[f"chat.{uri}"]

    async def comes(self, actor: Actor, uri: str, since: int, *, epoch: str | None = None) -> Comer:
        comer = Comer(actor, self.process)
        await comer.follow(uri=uri, since=since, epoch=epoch or await self._stage.epoch())
        return comer

    async def several_come(self, actor: Actor, uri: str, since: int) -> None:
        """From now on this is in memory."""
        for _ in range(SEVERAL):
            await self.comes(actor, uri, since)
        assert self.stream(uri).recent.reaches(since)
        self.reads.clear()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.005)


@pytest.fixture
async def live(stage: Stage, settings: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Live]:
    """It compares only when told to."""
    threads = DatabaseThreads("recoveries", 2)
    for module in (hub_module, process_module, recoveries_module):
        monkeypatch.setattr(module, "database", threads)
    monkeypatch.setattr(hub_module, "COMPARE_EVERY_S", 3600.0)
    # The hub takes the bell to this loop; afterwards that goes back to its own.
    for name in ("_loop", "_own_loop"):
        monkeypatch.setattr(bell, name, getattr(bell, name))
    reads: list[str] = []
    end_of = events_module._end_of

    def counted(chat: Any, after: int) -> Any:
        reads.append(chat.uri)
        return end_of(chat, after)

    monkeypatch.setattr(events_module, "_end_of", counted)
    settings.REDIS_URL = ""  # presence is nothing to these tests
    process = LiveProcess()
    yield Live(stage, process, reads)
    await bell.end()
    process.hub._layer.close()
    await asyncio.sleep(0.01)
    for task in process.hub._tasks:
        task.cancel()
    await asyncio.wait(process.hub._tasks)
    threads.close(5)


async def said(stage: Stage, actor: Actor, uri: str, *texts: str) -> None:
    for text in texts:
        await stage.act(post_message, user=actor.user, chat=uri, text=text)


@pytest.fixture
async def room(stage: Stage, cast: Cast) -> str:
    """Alice's and bob's, who come to it with the events 1 and 2, and hear "one" with 3, "two" with 4, "three" with 5."""
    uri = await stage.room(cast.alice, cast.bob)
    await said(stage, cast.alice, uri, "one", "two", "three")
    return uri


async def test_what_several_missed_is_read_once_for_all_who_come_then(
    stage: Stage, cast: Cast, live: Live, room: str
) -> None:
    comers = [await live.comes(cast.bob, room, 2) for _ in range(SEVERAL + 5)]
    assert len(live.reads) == SEVERAL
    assert [comer.texts for comer in comers] == [["one", "two", "three"]] * len(comers)
    assert comers[-2].result["publications"] is comers[-1].result["publications"]
    assert [comer.result["offset"] for comer in comers] == [5] * len(comers)

    await said(stage, cast.alice, room, "four")
    await live.until(lambda: all(comer.heard == [6] for comer in comers))
    late = await live.comes(cast.alice, room, 3)
    assert late.texts == ["two", "three", "four"]
    assert late.result["offset"] == 6
    await said(stage, cast.alice, room, "five")
    await live.until(lambda: late.heard == [7])
    assert len(live.reads) == SEVERAL


async def test_hundreds_at_once_cost_few_reads_however_far_each_had_read(
    stage: Stage, cast: Cast, live: Live
) -> None:
    uri = await stage.room(cast.alice)
    await stage.fill(cast.alice, uri, map(str, range(300)))
    sinces = [300 - 7 * number % 290 for number in range(200)]
    comers = await asyncio.gather(*(live.comes(cast.alice, uri, since) for since in sinces))
    for since, comer in zip(sinces, comers, strict=True):
        assert comer.result["recovered"]
        assert [event["seq"] for event in comer.told] == list(range(since + 1, 302))
    # The first few are not several yet; then what one of these has missed is read, and all that a replay may be.
    assert len(live.reads) <= SEVERAL - 1 + 2


async def test_for_one_who_comes_alone_only_what_they_missed_is_read(
    cast: Cast, live: Live, room: str
) -> None:
    comer = await live.comes(cast.bob, room, 4)
    assert comer.texts == ["three"]
    assert live.reads == [room]
    assert not live.stream(room).recent.is_kept
    for _ in range(SEVERAL):
        await live.comes(cast.bob, room, 5)
    assert live.reads == [room], "whoever has missed nothing costs no read"
    assert not live.stream(room).recent.is_kept


async def test_a_room_is_forgotten_when_nobody_comes_back_to_it_any_more(
    cast: Cast, live: Live, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recoveries_module, "KEPT_S", 0.05)
    monkeypatch.setattr(recoveries_module, "MAX_ROOMS", 1)
    await live.several_come(cast.bob, room, 2)
    await live.until(lambda: not live.stream(room).recent.is_kept)
    assert not live.stream(room).recent.reaches(2)
    await live.several_come(cast.bob, room, 2)  # and there is a place for it again


async def test_there_are_only_so_many_rooms_in_memory(
    stage: Stage, cast: Cast, live: Live, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recoveries_module, "MAX_ROOMS", 1)
    await live.several_come(cast.bob, room, 2)
    other = await stage.room(cast.alice)
    await said(stage, cast.alice, other, "elsewhere")
    comers = [await live.comes(cast.alice, other, 1) for _ in range(SEVERAL + 1)]
    assert [comer.texts for comer in comers] == [["elsewhere"]] * len(comers)
    assert live.reads == [other] * len(comers)


# Whose it is


async def test_charlie_is_told_nothing_that_is_in_memory(cast: Cast, live: Live, room: str) -> None:
    await live.several_come(cast.bob, room, 2)
    charlie = await live.comes(cast.charlie, room, 2)
    assert charlie.error is not None
    assert charlie.error.code == 103
    assert not charlie.result


async def test_an_absence_is_not_told_from_memory(stage: Stage, cast: Cast, live: Live, room: str) -> None:
    await stage.act(leave_room, user=cast.bob.user, chat=room)  # 6
    await said(stage, cast.alice, room, "behind his back")  # 7
    await stage.act(add_member, user=cast.bob.user, chat=room)  # 8
    await said(stage, cast.alice, room, "welcome")  # 9
    await live.several_come(cast.alice, room, 2)
    assert not (await live.comes(cast.bob, room, 4)).result["recovered"]
    assert [event["seq"] for event in (await live.comes(cast.bob, room, 7)).told] == [8, 9]
    assert not live.reads


async def test_somebody_removed_meanwhile_is_told_nothing_later(
    stage: Stage, cast: Cast, live: Live, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After their access was read, and before they are answered."""
    await live.several_come(cast.bob, room, 2)
    prepare = live.process.hub.recoveries.prepare

    async def prepare_slowly(*args: Any) -> None:
        await prepare(*args)
        await stage.act(remove_member, user=cast.alice.user, chat=room, username=cast.bob.name)  # 6
        await said(stage, cast.alice, room, "behind his back")  # 7
        await live.until(lambda: live.stream(room).head == 7)

    monkeypatch.setattr(live.process.hub.recoveries, "prepare", prepare_slowly)
    bob = await live.comes(cast.bob, room, 2)
    assert bob.error is not None
    assert bob.error.code == 103
    assert not bob.result
    assert not bob.heard


# What has been taken back


async def test_what_was_deleted_is_replayed_no_more(stage: Stage, cast: Cast, live: Live, room: str) -> None:
    await live.several_come(cast.bob, room, 2)
    await stage.act(delete_message, user=cast.alice.user, chat=room, number=2)
    comers = [await live.comes(cast.bob, room, 2) for _ in range(3)]
    for comer in comers:
        assert comer.texts == ["one", "", "three"]
        assert comer.told[-1]["type"] == "message.deleted"
    assert len(live.reads) <= 2


async def test_what_was_deleted_while_nobody_was_told_of_it_is_replayed_no_more(
    stage: Stage, cast: Cast, live: Live, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bell is lost: the database has the deletion, memory has not."""
    await live.several_come(cast.bob, room, 2)
    with monkeypatch.context() as patch:
        patch.setattr(bell, "ring_events", lambda *args: None)
        await stage.act(delete_message, user=cast.alice.user, chat=room, number=2)
    assert live.stream(room).recent.reaches(2)
    comer = await live.comes(cast.bob, room, 2)
    assert comer.texts == ["one", "", "three"]


async def test_what_is_deleted_while_the_log_is_read_is_not_put_into_memory(
    stage: Stage, cast: Cast, live: Live, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_read, is_deleted = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def tell_and_wait() -> None:
        is_read.set()
        await is_deleted.wait()

    def read_slowly(uri: str, after: int) -> Tail:
        end = tail(uri, after)
        if not is_deleted.is_set():
            asyncio.run_coroutine_threadsafe(tell_and_wait(), loop).result(10)
        return end

    monkeypatch.setattr(recoveries_module, "read_tail", read_slowly)
    for _ in range(SEVERAL - 1):
        await live.comes(cast.bob, room, 2)
    coming = asyncio.create_task(live.comes(cast.bob, room, 2))
    await is_read.wait()
    await stage.act(delete_message, user=cast.alice.user, chat=room, number=2)
    await live.until(lambda: live.stream(room).head == 6)
    is_deleted.set()
    assert (await coming).texts == ["one", "", "three"]
    assert (await live.comes(cast.bob, room, 2)).texts == ["one", "", "three"]


async def test_memory_calls_people_as_the_log_does(stage: Stage, cast: Cast, live: Live, room: str) -> None:
    """The hub follows nothing but the room, and is told all the same."""
    await live.several_come(cast.bob, room, 2)
    name = f"{cast.alice.name}-anew"
    await stage.act(change_profile, user=cast.alice.user, username=name)
    await live.until(lambda: not live.stream(room).recent.reaches(2))
    comer = await live.comes(cast.bob, room, 2)
    assert comer.told[0]["message"]["author"]["username"] == name


# Whether it is all there


async def test_an_event_that_memory_has_not_heard_of_is_not_left_out(
    stage: Stage, cast: Cast, live: Live, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live.several_come(cast.bob, room, 2)
    with monkeypatch.context() as patch:
        patch.setattr(bell, "ring_events", lambda *args: None)
        await said(stage, cast.alice, room, "four")
    comer = await live.comes(cast.bob, room, 2)
    assert comer.texts == ["one", "two", "three", "four"]
    assert comer.result["offset"] == 6


async def test_a_read_that_takes_longer_than_memory_is_kept_leaves_no_hole(
    stage: Stage, cast: Cast, live: Live, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_slowly(uri: str, after: int) -> Tail:
        time.sleep(0.2)
        return tail(uri, after)

    with monkeypatch.context() as patch:
        patch.setattr(recoveries_module, "KEPT_S", 0.05)
        patch.setattr(recoveries_module, "read_tail", read_slowly)
        for _ in range(SEVERAL):
            assert (await live.comes(cast.bob, room, 2)).texts == ["one", "two", "three"]
        await live.until(lambda: not live.stream(room).recent.is_kept)
    await said(stage, cast.alice, room, "four")
    await live.until(lambda: live.stream(room).head == 6)
    for _ in range(SEVERAL + 1):
        comer = await live.comes(cast.bob, room, 2)
        assert comer.texts == ["one", "two", "three", "four"]
        assert comer.result["offset"] == 6


async def test_another_log_is_not_told_from_memory(stage: Stage, cast: Cast, live: Live, room: str) -> None:
    """Last: positions of before mean nothing afterwards."""
    before = await stage.epoch()
    await live.several_come(cast.bob, room, 2)
    after = await stage.act(bump_epoch)
    for epoch in (before, after):
        comer = await live.comes(cast.bob, room, 2, epoch=epoch)
        assert comer.result["epoch"] == after
        assert comer.result["recovered"] is (epoch == after)
        assert comer.texts == (["one", "two", "three"] if epoch == after else [])
    await live.process.hub.compare()
    await live.several_come(cast.bob, room, 2)
    assert (await live.comes(cast.bob, room, 2)).texts == ["one", "two", "three"]
    assert not live.reads
