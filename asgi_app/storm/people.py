"""Simulated people: each has one socket, follows some chats through whatever happens, and posts there.

None removes duplicates, puts anything in order or asks for what it has missed: that is the server's doing, and the
history's to judge.
"""

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from asgi_app.storm.history import History, Post, Reader

ANSWERED_WITHIN_S = 5.0
FIRST_DELAY_S = 0.5
MAX_DELAY_S = 5.0
PAGE = 100
COME_BACK = range(3000, 3500)


@dataclass
class Chat:
    """A place where some of them are."""

    uri: str
    history: History = field(default_factory=History)


@dataclass
class Toll:
    """What all of them met with."""

    posts: int = 0
    unknown: int = 0
    http_errors: Counter[str] = field(default_factory=Counter)
    closes: Counter[int] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)
    comebacks_s: list[float] = field(default_factory=list)
    sent_at: dict[str, float] = field(default_factory=dict)


class OutcomeUnknown(Exception):
    """It may have been posted."""


class Refused(Exception):
    """It was not posted, and never will be."""


@dataclass
class _Place:
    """One chat as one person follows it."""

    chat: Chat
    reader: Reader
    epoch: str = ""
    has_begun: bool = False
    read: asyncio.Task[None] | None = None


class Person:
    """See the module. `live` follows, `post` posts; both may be cancelled."""

    def __init__(
        self,
        *,
        user_id: int,
        username: str,
        token: str,
        chats: list[Chat],
        url: str,
        http: httpx.AsyncClient,
        reads_at_once: asyncio.Semaphore,
        toll: Toll,
        rng: Random,
    ) -> None:
        self.username = username
        self._user_id = user_id
        self._token = token
        self._address = url.replace("http", "ws", 1).rstrip("/") + "/connection/websocket"
        self._http = http
        self._headers = {"Authorization": f"Token {token}"}
        self._reads_at_once = reads_at_once
        self._toll = toll
        self._rng = rng
        self._places = {
            f"chat.{chat.uri}": _Place(chat, chat.history.reader(f"{username} in {chat.uri}"))
            for chat in chats
        }
        self._ids = itertools.count(1)
        self._posted = itertools.count(1)
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._socket: ClientConnection | None = None
        self._lost_at: float | None = None
        self.follows = asyncio.Event()

    # Following

    async def live(self) -> None:
        """Comes back whenever the socket is lost, until it is cancelled."""
        delay_s = FIRST_DELAY_S
        while True:
            try:
                async with connect(
                    self._address, proxy=None, open_timeout=ANSWERED_WITHIN_S, close_timeout=1, max_size=None
                ) as socket:
                    await self._converse(socket)
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd is not None else 1006
                self._toll.closes[code] += 1
                if closed.rcvd is not None and code not in COME_BACK:
                    self._odd(f"closed with {closed.rcvd}")
            except InvalidStatus as refused:
                self._toll.http_errors[f"socket: {refused.response.status_code}"] += 1
            except (OSError, TimeoutError, WebSocketException):
                self._toll.closes[0] += 1
            finally:
                self._let_go()
            delay_s = FIRST_DELAY_S if self.follows.is_set() else min(2 * delay_s, MAX_DELAY_S)
            self.follows.clear()
            await asyncio.sleep(self._rng.uniform(0, delay_s))

    def drop(self) -> None:
        """The connection is gone without a word, as when a phone changes networks."""
        if self._socket is not None:
            self._socket.transport.abort()

    def _let_go(self) -> None:
        if self._socket is not None:
            self._lost_at = time.monotonic()
        self._socket = None
        asked, self._asked = self._asked, {}
        for answer in asked.values():
            if not answer.done():
                answer.set_exception(OutcomeUnknown("disconnected"))

    async def _converse(self, socket: ClientConnection) -> None:
        commands: list[dict[str, Any]] = [{"connect": {"token": self._token}}]
        commands += [{"subscribe": self._subscription(name)} for name in self._places]
        ids = {next(self._ids): command for command in commands}
        await socket.send("\n".join(json.dumps({"id": at, **command}) for at, command in ids.items()))
        waiting = set(ids)
        while True:
            for line in str(await socket.recv()).split("\n"):
                reply = json.loads(line)
                if not reply:
                    await socket.send("{}")
                elif "push" in reply:
                    self._hear(reply["push"])
                elif (at := reply["id"]) in self._asked:
                    self._settle(self._asked.pop(at), reply)
                elif at in waiting:
                    waiting.discard(at)
                    if "error" in reply:
                        await self._cannot(reply["error"], socket)
                    elif "subscribe" in reply:
                        self._begin(ids[at]["subscribe"]["channel"], reply["subscribe"])
                    if not waiting:
                        self._is_back(socket)

    def _subscription(self, name: str) -> dict[str, Any]:
        place = self._places[name]
        if not place.has_begun:
            return {"channel": name}
        return {"channel": name, "recover": True, "epoch": place.epoch, "offset": place.reader.position}

    async def _cannot(self, error: dict[str, Any], socket: ClientConnection) -> None:
        if not error.get("temporary"):
            self._odd(f"was refused: {error}")
        socket.transport.abort()
        raise ConnectionResetError

    def _is_back(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.follows.set()
        if self._lost_at is not None:
            self._toll.comebacks_s.append(time.monotonic() - self._lost_at)
            self._lost_at = None

    def _begin(self, name: str, result: dict[str, Any]) -> None:
        place, history = self._places[name], self._places[name].chat.history
        place.epoch = result["epoch"]
        if not result.get("recovered"):
            if place.has_begun:
                history.started_over(place.reader, epoch=place.epoch, seq=result["offset"])
            else:
                history.began(place.reader, epoch=place.epoch, seq=result["offset"])
            place.has_begun = True
            place.read = asyncio.create_task(self._read_afresh(place))
        for publication in result.get("publications", []):
            self._see(place, publication, "replay")

    def _hear(self, push: Mapping[str, Any]) -> None:
        publication = push.get("pub")
        if publication is None:
            self._odd(f"was told {push}")
        elif "offset" in publication:
            self._see(self._places[push["channel"]], publication, "live")

    def _see(self, place: _Place, publication: Mapping[str, Any], how: Any) -> None:
        event = publication["data"]
        text = event["message"]["text"] if "message" in event else ""
        sent_at = self._toll.sent_at.get(text)
        if sent_at is not None and how == "live":
            self._toll.latencies_s.append(time.monotonic() - sent_at)
        place.chat.history.saw(
            place.reader, epoch=place.epoch, seq=publication["offset"], type=event["type"], text=text, how=how
        )

    async def _read_afresh(self, place: _Place) -> None:
        """All there is by REST, as a page that is loaded does; again until it is answered."""
        history = place.chat.history
        async with self._reads_at_once:
            begun_at = history.now()
            while (first := await self._page(place.chat.uri, 0)) is None:  # noqa: ASYNC110
                await asyncio.sleep(self._rng.uniform(0, FIRST_DELAY_S))
            page, texts = first, _texts(first)
            while page["has_newer"]:
                following = await self._page(place.chat.uri, page["messages"][-1]["number"])
                if following is not None:
                    page = following
                    texts |= _texts(page)
        position = first["position"]
        history.read(
            place.reader, epoch=position["epoch"], seq=position["seq"], texts=texts, begun_at=begun_at
        )

    async def _page(self, uri: str, after: int) -> dict[str, Any] | None:
        answer = await self._request(
            "GET", f"/api/chats/{uri}/messages/", params={"after": after, "limit": PAGE}
        )
        return None if answer is None else dict(answer.json())

    async def settled(self) -> None:
        await asyncio.gather(*(place.read for place in self._places.values() if place.read is not None))

    def is_at(self, heads: Mapping[str, int]) -> bool:
        return all(place.reader.position >= heads[place.chat.uri] for place in self._places.values())

    # Posting

    async def post(self, *, by_rest: bool) -> None:
        """One message in one of the chats, again until it is known what became of it."""
        chat = self._rng.choice(list(self._places.values())).chat
        client_id = f"{self.username}/{next(self._posted)}"
        text = f"{client_id} says {self._rng.random()}"
        post = chat.history.sends(author=self._user_id, client_id=client_id, text=text)
        self._toll.sent_at[text] = time.monotonic()
        while True:
            try:
                seq, number = await (self._by_rest if by_rest else self._by_socket)(chat, post)
            except OutcomeUnknown:
                self._toll.unknown += 1
                chat.history.unknown(post)
                await asyncio.sleep(self._rng.uniform(0.02, 0.2))
            except Refused as error:
                chat.history.refused(post, str(error))
                self._odd(f"{client_id} was refused: {error}")
                return
            else:
                self._toll.posts += 1
                chat.history.acknowledged(post, seq=seq, number=number)
                return

    async def _by_socket(self, chat: Chat, post: Post) -> tuple[int, int]:
        await self.follows.wait()
        socket, at = self._socket, next(self._ids)
        if socket is None:
            raise OutcomeUnknown("disconnected")
        answer = self._asked[at] = asyncio.get_running_loop().create_future()
        data = {"chat": chat.uri, "text": post.text, "client_id": post.client_id}
        try:
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                await socket.send(json.dumps({"id": at, "rpc": {"method": "message.post", "data": data}}))
                result = (await answer)["rpc"]["data"]
        except (TimeoutError, ConnectionClosed, OSError) as error:
            self._asked.pop(at, None)
            raise OutcomeUnknown(repr(error)) from error
        return result["seq"], result["message"]["number"]

    def _settle(self, answer: "asyncio.Future[dict[str, Any]]", reply: dict[str, Any]) -> None:
        if answer.done():
            return
        error = reply.get("error")
        if error is None:
            answer.set_result(reply)
        elif error.get("temporary"):
            answer.set_exception(OutcomeUnknown(str(error)))
        else:
            answer.set_exception(Refused(str(error)))

    async def _by_rest(self, chat: Chat, post: Post) -> tuple[int, int]:
        body = {"text": post.text, "client_id": post.client_id}
        answer = await self._request("POST", f"/api/chats/{chat.uri}/messages/", json=body)
        if answer is None:
            raise OutcomeUnknown
        if answer.status_code != httpx.codes.CREATED:
            raise Refused(f"{answer.status_code} {answer.text}")
        return answer.json()["seq"], answer.json()["number"]

    async def _request(self, method: str, path: str, **options: Any) -> httpx.Response | None:
        """None: it has to be asked again, and has been counted."""
        try:
            answer = await self._http.request(method, path, headers=self._headers, **options)
        except httpx.TransportError as error:
            self._toll.http_errors[type(error).__name__] += 1
            return None
        # Whoever was only to read asks again; a post that a limit refuses has not been posted.
        is_limited = answer.status_code == httpx.codes.TOO_MANY_REQUESTS and method == "GET"
        if answer.is_server_error or is_limited:
            self._toll.http_errors[str(answer.status_code)] += 1
            return None
        return answer

    def _odd(self, what: str) -> None:
        next(iter(self._places.values())).chat.history.odd(self.username, what)


def _texts(page: Mapping[str, Any]) -> dict[int, str]:
    return {message["number"]: message["text"] for message in page["messages"]}
