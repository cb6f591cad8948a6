"""Owns clients that follow a chat: unmodified SDKs, and raw ones that hide nothing of what they are sent.

Each records what it sees. None removes duplicates, puts anything in order or asks for what it has missed: that is the
server's doing, and the history's to judge.
"""

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import httpx
from centrifuge import (
    Client,
    ClientEventHandler,
    ConnectingContext,
    DisconnectedContext,
    PublicationContext,
    SubscribedContext,
    SubscriptionEventHandler,
    UnsubscribedContext,
)
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from asgi_app.storm.history import History, How, Reader
from tests.faults.progress import Progress
from tests.faults.stage import Person
from tests.live_server import LiveServer

PAUSE_S = (0.02, 0.2)
PAGE = 100
COME_BACK = 3001
"""The one close code that a server at its end gives; a killed one gives none."""
RESUBSCRIBE = 2500


class Watch:
    """One reader's record, and the fresh read that each of its beginnings calls for."""

    def __init__(self, name: str, person: Person, chat: str, history: History, pages: "Pages") -> None:
        self.name = name
        self.person = person
        self.chat = chat
        self.seen = Progress()
        self.history = history
        self._record: Reader = history.reader(name)
        self._pages = pages
        self._epoch = ""
        self._reads: list[asyncio.Task[None]] = []

    @property
    def has_begun(self) -> bool:
        return bool(self._record.steps)

    @property
    def position(self) -> int:
        return self._record.position

    @property
    def epoch(self) -> str:
        return self._epoch

    def subscribed(self, *, epoch: str, seq: int, was_recovering: bool, recovered: bool) -> None:
        self._epoch = epoch
        if self.has_begun and not was_recovering:
            self.history.odd(self.name, "a recovery was answered as a first subscription")
        if was_recovering and recovered:
            return
        if self.has_begun:
            self.history.started_over(self._record, epoch=epoch, seq=seq)
        else:
            self.history.began(self._record, epoch=epoch, seq=seq)
        self.seen.rise(seq)
        self._reads.append(asyncio.create_task(self._read_afresh()))

    def sees(self, seq: int, event: Mapping[str, Any], how: How) -> None:
        text = event["message"]["text"] if "message" in event else ""
        if event["seq"] != seq or event["chat"] != self.chat:
            self.history.odd(self.name, f"offset {seq} carries {event}")
        self.history.saw(self._record, epoch=self._epoch, seq=seq, type=event["type"], text=text, how=how)
        self.seen.rise(seq)

    async def _read_afresh(self) -> None:
        begun_at = self.history.now()
        epoch, seq, texts = await self._pages.read(self.person, self.chat)
        self.history.read(self._record, epoch=epoch, seq=seq, texts=texts, begun_at=begun_at)

    async def settles(self) -> None:
        """Its fresh reads are done; what went wrong in them is raised."""
        await asyncio.gather(*self._reads)

    def give_up(self) -> None:
        for read in self._reads:
            read.cancel()


class Pages:
    """Fresh reads over REST, from whichever process answers."""

    def __init__(self, servers: Sequence[httpx.AsyncClient], rng: Random) -> None:
        self._servers = servers
        self._rng = rng

    async def read(self, person: Person, chat: str) -> tuple[str, int, dict[int, str]]:
        """Epoch, seq and all messages by number: the position is the first page's, so it was read before any of them."""
        first = page = await self._page(person, chat, after=0)
        texts = _texts(page)
        while page["has_newer"]:
            page = await self._page(person, chat, after=max(texts))
            texts |= _texts(page)
        return first["position"]["epoch"], first["position"]["seq"], texts

    async def _page(self, person: Person, chat: str, *, after: int) -> Any:
        while True:
            server = self._rng.choice(self._servers)
            try:
                answer = await server.get(
                    f"/api/chats/{chat}/messages/",
                    params={"after": after, "limit": PAGE},
                    headers=person.headers,
                )
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    return answer.raise_for_status().json()
            except httpx.TransportError:
                pass
            await asyncio.sleep(self._rng.uniform(*PAUSE_S))


def _texts(page: Any) -> dict[int, str]:
    return {message["number"]: message["text"] for message in page["messages"]}


class SdkReader:
    """An unmodified centrifuge-python client with one subscription, which reconnects and recovers by itself."""

    def __init__(self, watch: Watch, server: LiveServer, *, use_protobuf: bool = False) -> None:
        self.watch = watch
        self.closes: list[int] = []
        self._use_protobuf = use_protobuf
        self._recovers_up_to = 0
        self._is_leaving = False
        connection, subscription = ClientEventHandler(), SubscriptionEventHandler()
        connection.on_connecting = self._on_connecting
        connection.on_disconnected = self._on_disconnected
        subscription.on_subscribed = self._on_subscribed
        subscription.on_unsubscribed = self._on_unsubscribed
        subscription.on_publication = self._on_publication
        self.client = Client(
            f"{server.ws_url}/connection/websocket",
            events=connection,
            token=watch.person.token,
            use_protobuf=use_protobuf,
            max_reconnect_delay=1.0,
            proxy=None,
        )
        self._subscription = self.client.new_subscription(f"chat.{watch.chat}", events=subscription)

    async def begin(self) -> None:
        await self.client.connect()
        await self._subscription.subscribe()
        await self._subscription.ready()

    async def cut_off(self) -> None:
        """Closes the connection; what happens in the chat from now on, `come_back` recovers."""
        self._is_leaving = True
        await self.client.disconnect()

    async def come_back(self) -> None:
        self._is_leaving = False
        await self.client.connect()

    async def _on_connecting(self, context: ConnectingContext) -> None:
        self.closes.append(context.code)
        if context.code >= 3000 and context.code != COME_BACK:
            self.watch.history.odd(self.watch.name, f"closed with {context.code} {context.reason}")

    async def _on_disconnected(self, context: DisconnectedContext) -> None:
        if not self._is_leaving:
            self.watch.history.odd(self.watch.name, f"closed for good: {context.code} {context.reason}")

    async def _on_subscribed(self, context: SubscribedContext) -> None:
        self._recovers_up_to = context.stream_position.offset
        self.watch.subscribed(
            epoch=context.stream_position.epoch,
            seq=context.stream_position.offset,
            was_recovering=context.was_recovering,
            recovered=context.recovered,
        )

    async def _on_unsubscribed(self, context: UnsubscribedContext) -> None:
        self.watch.history.odd(self.watch.name, f"unsubscribed: {context.code} {context.reason}")

    async def _on_publication(self, context: PublicationContext) -> None:
        publication = context.pub
        if publication.offset:
            event = json.loads(publication.data) if self._use_protobuf else publication.data
            how: How = "replay" if publication.offset <= self._recovers_up_to else "live"
            self.watch.sees(publication.offset, event, how)


class RawReader:
    """The protocol spoken by hand. One that wanders drops its connection now and then without a word, and goes on from
    its position at any of the processes.
    """

    def __init__(self, watch: Watch, servers: Sequence[LiveServer], rng: Random, *, wanders: bool) -> None:
        self.watch = watch
        self.closes: list[int] = []
        self._servers = servers
        self._rng = rng
        self._wanders = wanders
        self._leaves_at: float = math.inf
        self._must_retry = False

    async def follow(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._visit(self._rng.choice(self._servers))
            await asyncio.sleep(self._rng.uniform(*PAUSE_S))

    async def _visit(self, server: LiveServer) -> None:
        self._must_retry = False
        if self._wanders:
            self._leaves_at = self.watch.position + self._rng.randint(20, 150)
        try:
            async with _connected(server) as socket:
                await self._converse(socket)
        except ConnectionClosed as closed:
            if closed.rcvd is not None:
                self.closes.append(closed.rcvd.code)
                if closed.rcvd.code != COME_BACK:
                    self.watch.history.odd(self.watch.name, f"closed with {closed.rcvd}")
        except (OSError, WebSocketException):
            return  # nobody there

    async def _converse(self, socket: ClientConnection) -> None:
        commands = [{"connect": {"token": self.watch.person.token}}, {"subscribe": self._subscribe()}]
        await socket.send(_lines(commands))
        while True:
            for reply in _replies(await socket.recv()):
                if reply:
                    self._hear(reply)
                else:
                    await socket.send("{}")
            if self._must_retry or self.watch.position >= self._leaves_at:
                socket.transport.abort()

    def _subscribe(self) -> dict[str, Any]:
        watch = self.watch
        recovery = (
            {"recover": True, "epoch": watch.epoch, "offset": watch.position} if watch.has_begun else {}
        )
        return {"channel": f"chat.{watch.chat}", **recovery}

    def _hear(self, reply: dict[str, Any]) -> None:
        publication = reply.get("push", {}).get("pub")
        if publication is not None:
            if "offset" in publication:
                self.watch.sees(publication["offset"], publication["data"], "live")
        elif "subscribe" in reply:
            self._begin(reply["subscribe"])
        elif reply.get("error", {}).get("temporary") or _is_told_to_resubscribe(reply):
            self._must_retry = True
        elif "connect" not in reply:
            self.watch.history.odd(self.watch.name, f"was sent {reply}")

    def _begin(self, result: dict[str, Any]) -> None:
        self.watch.subscribed(
            epoch=result["epoch"],
            seq=result["offset"],
            was_recovering=result.get("was_recovering", False),
            recovered=result.get("recovered", False),
        )
        for publication in result.get("publications", []):
            self.watch.sees(publication["offset"], publication["data"], "replay")
        if self.watch.position != result["offset"]:
            self.watch.history.odd(
                self.watch.name, f"is at {self.watch.position}, and the reply said {result['offset']}"
            )


def _is_told_to_resubscribe(reply: dict[str, Any]) -> bool:
    """As when others have read further meanwhile than Redis, which was away, has told of: SDKs do it unasked."""
    return bool(reply.get("push", {}).get("unsubscribe", {}).get("code", 0) >= RESUBSCRIBE)


class Outsider:
    """Somebody with an account who is not in the chat, and asks for it again and again: nobody ever tells them."""

    def __init__(
        self, person: Person, chat: str, servers: Sequence[LiveServer], history: History, rng: Random
    ) -> None:
        self.refusals = 0
        self._person = person
        self._chat = chat
        self._servers = servers
        self._history = history
        self._rng = rng

    async def ask(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                async with _connected(self._rng.choice(self._servers)) as socket:
                    await self._try_everything(socket)
            except (OSError, WebSocketException):
                pass
            await asyncio.sleep(self._rng.uniform(*PAUSE_S))

    async def _try_everything(self, socket: ClientConnection) -> None:
        stream = f"chat.{self._chat}"
        attempts: list[dict[str, Any]] = [
            {"subscribe": {"channel": stream}},
            {"history": {"channel": stream, "limit": 10}},
            {"presence": {"channel": stream}},
            {"publish": {"channel": stream, "data": {"text": "let me in"}}},
        ]
        await socket.send(_lines([{"connect": {"token": self._person.token}}, *attempts]))
        left = len(attempts)
        while left:
            for reply in _replies(await socket.recv()):
                if "connect" in reply or not reply:
                    continue
                left -= 1
                if reply.get("error", {}).get("code") == 103:
                    self.refusals += 1
                elif not reply.get("error", {}).get("temporary"):
                    self._history.leaked(self._person.username, str(reply))


def _connected(server: LiveServer) -> connect:
    address = f"{server.ws_url}/connection/websocket"
    return connect(address, proxy=None, open_timeout=5, close_timeout=1, max_size=None)


def _lines(commands: Sequence[dict[str, Any]]) -> str:
    """All in one frame, as an SDK sends them after a reconnect."""
    return "\n".join(json.dumps({"id": at, **command}) for at, command in enumerate(commands, start=1))


def _replies(frame: str | bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in str(frame).split("\n")]
