"""Owns the clients that people use, unmodified, behind one face: PyPI's centrifuge-python and npm's centrifuge."""

import asyncio
import itertools
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import centrifuge

from tests.services import ROOT

PATIENCE_S = 15.0
PATH = "/connection/websocket"
NODE_CLIENT = Path(__file__).with_name("node") / "client.mjs"
FRONTEND = ROOT / "frontend" / "package.json"
# The longest line of the Node client: a replay of 512 KiB, and its dressing.
MAX_LINE_BYTES = 8 * 1024 * 1024


class SdkError(Exception):
    """A call was answered with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message


@dataclass
class Following:
    """What a client has heard of one stream, in order."""

    stream: str
    heard: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    doorbells: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    ends: list[tuple[int, str]] = field(default_factory=list)
    begins: list[tuple[int, str]] = field(default_factory=list)
    errors: list[int] = field(default_factory=list)
    present: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def offsets(self) -> list[int]:
        return [offset for offset, _ in self.heard]

    @property
    def texts(self) -> list[str]:
        return [event["message"]["text"] for _, event in self.heard if event["type"] == "message.posted"]

    def is_closed(self) -> bool:
        """Whether the last event closed the chat."""
        return bool(self.heard) and self.heard[-1][1]["type"] == "chat.closed"

    def take(self, name: str, what: dict[str, Any]) -> None:
        """One thing that the SDK told."""
        match name:
            case "publication" if what["offset"]:
                self.heard.append((what["offset"], what["data"]))
            case "publication":
                self.doorbells.append(what["data"])
            case "subscribed":
                self.answers.append(what)
            case "unsubscribed":
                self.ends.append((what["code"], what["reason"]))
            case "subscribing":
                self.begins.append((what["code"], what["reason"]))
            case "error":
                self.errors.append(what["code"])
            case "join" | "leave":
                self.present.append((name, what["info"]))


class Client(ABC):
    """One client. `states` are `(name, code, reason)`, in order; `errors` are the codes it was told of."""

    def __init__(self) -> None:
        self.id = ""
        self.greeting: dict[str, Any] = {}
        self.states: list[tuple[str, int, str]] = []
        self.errors: list[int] = []
        self.tokens_wanted = 0
        self.streams: dict[str, Following] = {}
        self._told = asyncio.Event()

    async def until(self, condition: Callable[[], Any], within_s: float = PATIENCE_S) -> None:
        """Waits until something that this client was told makes the condition true."""
        try:
            async with asyncio.timeout(within_s):
                while not condition():
                    self._told.clear()
                    await self._told.wait()
        except TimeoutError:
            raise AssertionError(
                f"it did not happen; states {self.states}, errors {self.errors}, "
                f"streams {[(each.stream, each.answers[-1:], each.ends) for each in self.streams.values()][:5]}"
            ) from None

    def take(self, name: str, stream: str | None, what: dict[str, Any]) -> None:
        """One thing that the SDK told."""
        if stream is not None:
            self.streams[stream].take(name, what)
        else:
            match name:
                case "connected":
                    self.id, self.greeting = what["id"], what["data"]
                    self.states.append((name, 0, ""))
                case "connecting" | "disconnected":
                    self.states.append((name, what["code"], what["reason"]))
                case "error":
                    self.errors.append(what["code"])
                case "token":
                    self.tokens_wanted += 1
        self._told.set()

    @property
    def is_connected(self) -> bool:
        return bool(self.states) and self.states[-1][0] == "connected"

    @property
    def is_gone(self) -> bool:
        return bool(self.states) and self.states[-1][0] == "disconnected"

    async def connect(self) -> None:
        """Connects, and returns when it is connected."""
        await self.begin()
        await self.until(lambda: self.is_connected)

    async def follow(
        self, stream: str, *, join_leave: bool = False, since: tuple[str, int] | None = None
    ) -> Following:
        """Subscribes, and returns when it is subscribed. `since` is `(epoch, seq)`."""
        following = await self.begin_to_follow(stream, join_leave=join_leave, since=since)
        await self.until(lambda: following.answers)
        return following

    async def until_told(self, following: Following, text: str) -> None:
        """Waits for a message with that text."""
        await self.until(lambda: text in following.texts)

    async def until_gone(self, within_s: float = PATIENCE_S) -> tuple[int, str]:
        """Waits until it has disconnected for good; returns the code and the reason."""
        await self.until(lambda: self.is_gone, within_s)
        return self.states[-1][1:]

    async def is_denied(self, stream: str) -> tuple[int, str]:
        """Subscribes, waits until that is refused, and returns the code and the reason."""
        following = await self.begin_to_follow(stream)
        await self.until(lambda: following.ends or following.answers)
        assert not following.answers
        assert len(following.ends) == 1
        return following.ends[0]

    @abstractmethod
    async def begin(self) -> None:
        """Connects, and does not wait for it."""

    @abstractmethod
    async def begin_to_follow(
        self, stream: str, *, join_leave: bool = False, since: tuple[str, int] | None = None
    ) -> Following:
        """Subscribes, and does not wait for it."""

    @abstractmethod
    async def leave(self, stream: str) -> None: ...

    @abstractmethod
    async def follow_again(self, stream: str) -> None: ...

    @abstractmethod
    async def disconnect(self) -> None: ...

    @abstractmethod
    async def rpc(self, method: str, data: dict[str, Any]) -> dict[str, Any]: ...

    @abstractmethod
    async def publish(self, stream: str, data: dict[str, Any]) -> None: ...

    @abstractmethod
    async def history(
        self, stream: str, *, limit: int = 0, since: tuple[str, int] | None = None, reverse: bool = False
    ) -> dict[str, Any]:
        """`publications` (pairs of offset and data), `offset` and `epoch`."""

    @abstractmethod
    async def presence(self, stream: str) -> dict[str, dict[str, Any]]: ...

    @abstractmethod
    async def presence_stats(self, stream: str) -> list[int]:
        """How many clients, how many users."""


Sdk = Callable[..., Client]
"""Makes a client: `sdk(ws_url, token="", tokens=None)`; `tokens` are what getToken returns, one after the other."""


# PyPI's centrifuge-python


class _ClientEvents(centrifuge.ClientEventHandler):  # type: ignore[misc]  # it has no types
    def __init__(self, client: "PythonClient") -> None:
        self._client = client

    async def on_connected(self, ctx: Any) -> None:
        self._client.take("connected", None, {"id": ctx.client, "data": self._client.decoded(ctx.data)})

    async def on_connecting(self, ctx: Any) -> None:
        self._client.take("connecting", None, vars(ctx))

    async def on_disconnected(self, ctx: Any) -> None:
        self._client.take("disconnected", None, vars(ctx))

    async def on_error(self, ctx: Any) -> None:
        self._client.take("error", None, {"code": getattr(ctx.error, "code", ctx.code)})


class _StreamEvents(centrifuge.SubscriptionEventHandler):  # type: ignore[misc]  # it has no types
    def __init__(self, client: "PythonClient", stream: str) -> None:
        self._client = client
        self._stream = stream

    def _take(self, name: str, what: dict[str, Any]) -> None:
        self._client.take(name, self._stream, what)

    async def on_publication(self, ctx: Any) -> None:
        self._take("publication", {"offset": ctx.pub.offset, "data": self._client.decoded(ctx.pub.data)})

    async def on_subscribed(self, ctx: Any) -> None:
        position = ctx.stream_position
        what = {
            "was_recovering": ctx.was_recovering,
            "recovered": ctx.recovered,
            "position": vars(position) if position else None,
            "data": self._client.decoded(ctx.data),
        }
        self._take("subscribed", what)

    async def on_subscribing(self, ctx: Any) -> None:
        self._take("subscribing", vars(ctx))

    async def on_unsubscribed(self, ctx: Any) -> None:
        self._take("unsubscribed", vars(ctx))

    async def on_error(self, ctx: Any) -> None:
        self._take("error", {"code": getattr(ctx.error, "code", ctx.code)})

    async def on_join(self, ctx: Any) -> None:
        self._take("join", {"info": self._client.info(ctx.info)})

    async def on_leave(self, ctx: Any) -> None:
        self._take("leave", {"info": self._client.info(ctx.info)})


class PythonClient(Client):
    def __init__(
        self, ws_url: str, *, token: str = "", tokens: list[str] | None = None, protobuf: bool = False
    ) -> None:
        super().__init__()
        self._protobuf = protobuf
        remaining = list(tokens or ())

        async def get_token() -> str:
            self.take("token", None, {})
            return remaining.pop(0) if remaining else ""

        self._sdk: Any = centrifuge.Client(
            ws_url + PATH,
            _ClientEvents(self),
            token=token,
            get_token=get_token if tokens is not None else None,
            use_protobuf=protobuf,
            min_reconnect_delay=0.05,
            max_reconnect_delay=0.5,
            proxy=None,
        )

    def decoded(self, data: Any) -> Any:
        return json.loads(data) if self._protobuf and data else data

    def info(self, info: Any) -> dict[str, Any]:
        return {"client": info.client, "user": info.user, "conn_info": self.decoded(info.conn_info)}

    async def begin(self) -> None:
        await self._sdk.connect()

    async def disconnect(self) -> None:
        await self._sdk.disconnect()

    async def begin_to_follow(
        self, stream: str, *, join_leave: bool = False, since: tuple[str, int] | None = None
    ) -> Following:
        async def get_state(_: str) -> Any:
            assert since is not None
            return centrifuge.StreamPosition(epoch=since[0], offset=since[1])

        following = self.streams[stream] = Following(stream)
        subscription = self._sdk.new_subscription(
            stream,
            _StreamEvents(self, stream),
            join_leave=join_leave,
            get_state=get_state if since else None,
            min_resubscribe_delay=0.05,
            max_resubscribe_delay=0.5,
        )
        await subscription.subscribe()
        return following

    async def leave(self, stream: str) -> None:
        await self._sdk.get_subscription(stream).unsubscribe()

    async def follow_again(self, stream: str) -> None:
        await self._sdk.get_subscription(stream).subscribe()

    async def rpc(self, method: str, data: dict[str, Any]) -> dict[str, Any]:
        answer = await self._ask(self._sdk.rpc(method, self._encoded(data)))
        result: dict[str, Any] = self.decoded(answer.data)
        return result

    async def publish(self, stream: str, data: dict[str, Any]) -> None:
        await self._ask(self._sdk.publish(stream, self._encoded(data)))

    async def history(
        self, stream: str, *, limit: int = 0, since: tuple[str, int] | None = None, reverse: bool = False
    ) -> dict[str, Any]:
        position = centrifuge.StreamPosition(epoch=since[0], offset=since[1]) if since else None
        page = await self._ask(self._sdk.history(stream, limit=limit, since=position, reverse=reverse))
        publications = [(each.offset, self.decoded(each.data)) for each in page.publications]
        return {"publications": publications, "offset": page.offset, "epoch": page.epoch}

    async def presence(self, stream: str) -> dict[str, dict[str, Any]]:
        present = await self._ask(self._sdk.presence(stream))
        return {client: self.info(info) for client, info in present.clients.items()}

    async def presence_stats(self, stream: str) -> list[int]:
        stats = await self._ask(self._sdk.presence_stats(stream))
        return [stats.num_clients, stats.num_users]

    def _encoded(self, data: dict[str, Any]) -> Any:
        return json.dumps(data).encode() if self._protobuf else data

    @staticmethod
    async def _ask(call: Any) -> Any:
        try:
            return await call
        except centrifuge.exceptions.ReplyError as error:
            raise SdkError(error.code, str(error)) from None


@asynccontextmanager
async def python_sdk(*, protobuf: bool) -> AsyncIterator[Sdk]:
    """Clients that are disconnected at the end."""
    clients: list[PythonClient] = []

    def make(ws_url: str, **options: Any) -> Client:
        clients.append(PythonClient(ws_url, protobuf=protobuf, **options))
        return clients[-1]

    yield make
    for client in clients:
        await client.disconnect()


# npm's centrifuge


class Node:
    """The process in which the JavaScript clients run, all of them in one."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self.clients: dict[int, NodeClient] = {}

    async def start(self) -> None:
        command = ("node", str(NODE_CLIENT), str(FRONTEND))
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=sys.stderr, limit=MAX_LINE_BYTES
        )
        self._reader = asyncio.create_task(self._read())

    async def stop(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._reader is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._reader

    def tell(self, what: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")

    async def call(self, client: int, do: str, **what: Any) -> Any:
        number = next(self._numbers)
        answer = self._calls[number] = asyncio.get_running_loop().create_future()
        self.tell({"call": number, "client": client, "do": do, **what})
        async with asyncio.timeout(PATIENCE_S):
            return await answer

    def new_number(self) -> int:
        return next(self._numbers)

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = json.loads(line)
            if "call" not in told:
                self.clients[told["client"]].take(told["event"], told.get("stream"), told)
            elif (error := told.get("error")) is not None:
                self._calls.pop(told["call"]).set_exception(SdkError(error["code"], error["message"]))
            else:
                self._calls.pop(told["call"]).set_result(told["result"])
        for call in self._calls.values():
            call.set_exception(RuntimeError("the Node client has ended; its last words are on stderr"))


class NodeClient(Client):
    def __init__(
        self,
        node: Node,
        ws_url: str,
        *,
        token: str = "",
        tokens: list[str] | None = None,
        protobuf: bool = False,
    ) -> None:
        super().__init__()
        self._node = node
        self._number = node.new_number()
        node.clients[self._number] = self
        settings = {"url": ws_url + PATH, "token": token, "tokens": tokens, "protobuf": protobuf}
        node.tell({"do": "new", "client": self._number, **settings})

    async def begin(self) -> None:
        await self._do("connect")

    async def disconnect(self) -> None:
        await self._do("disconnect")

    async def begin_to_follow(
        self, stream: str, *, join_leave: bool = False, since: tuple[str, int] | None = None
    ) -> Following:
        following = self.streams[stream] = Following(stream)
        await self._do("follow", stream=stream, join_leave=join_leave, since=_position(since))
        return following

    async def leave(self, stream: str) -> None:
        await self._do("leave", stream=stream)

    async def follow_again(self, stream: str) -> None:
        await self._do("return", stream=stream)

    async def rpc(self, method: str, data: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = await self._do("rpc", method=method, data=data)
        return answer

    async def publish(self, stream: str, data: dict[str, Any]) -> None:
        await self._do("publish", stream=stream, data=data)

    async def history(
        self, stream: str, *, limit: int = 0, since: tuple[str, int] | None = None, reverse: bool = False
    ) -> dict[str, Any]:
        options: dict[str, Any] = {"limit": limit, "reverse": reverse}
        if since:
            options["since"] = _position(since)
        page: dict[str, Any] = await self._do("history", stream=stream, **options)
        page["publications"] = [(offset, data) for offset, data in page["publications"]]
        return page

    async def presence(self, stream: str) -> dict[str, dict[str, Any]]:
        present: dict[str, dict[str, Any]] = await self._do("presence", stream=stream)
        return present

    async def presence_stats(self, stream: str) -> list[int]:
        stats: list[int] = await self._do("presence_stats", stream=stream)
        return stats

    async def _do(self, what: str, **how: Any) -> Any:
        return await self._node.call(self._number, what, **how)


def _position(since: tuple[str, int] | None) -> dict[str, Any] | None:
    return {"epoch": since[0], "offset": since[1]} if since else None


@asynccontextmanager
async def node_sdk(node: Node, *, protobuf: bool) -> AsyncIterator[Sdk]:
    """Clients that are disconnected at the end."""
    clients: list[NodeClient] = []

    def make(ws_url: str, **options: Any) -> Client:
        clients.append(NodeClient(node, ws_url, protobuf=protobuf, **options))
        return clients[-1]

    yield make
    for client in clients:
        await client.disconnect()
