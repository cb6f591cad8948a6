"""Owns clients that post: over a socket or over HTTP, to any process, and again until they know what became of it."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Protocol

import httpx
from centrifuge import CentrifugeError, Client, ClientState, ReplyError

from asgi_app.storm.history import History, Place, Post
from tests.faults.progress import Progress
from tests.faults.stage import Person
from tests.live_server import LiveServer

PAUSE_S = (0.02, 0.2)
"""Between an unknown outcome and the next attempt."""
REPEATS = 0.05
"""How many of the acknowledged posts are sent once more: each must get the first answer."""


class OutcomeUnknown(Exception):
    """It may have been posted."""


class Refused(Exception):
    """It was not posted, and never will be."""


class Door(Protocol):
    """One way to post, as one person to one process."""

    name: str

    @property
    def is_open(self) -> bool: ...

    async def post(self, *, chat: str, text: str, client_id: str) -> Place:
        """Raises `OutcomeUnknown` or `Refused`."""


class SocketDoor:
    """`message.post` over an unmodified SDK's connection."""

    name = "socket"

    def __init__(self, server: LiveServer, person: Person, *, use_protobuf: bool = False) -> None:
        self._use_protobuf = use_protobuf
        self.client = Client(
            f"{server.ws_url}/connection/websocket",
            token=person.token,
            use_protobuf=use_protobuf,
            max_reconnect_delay=1.0,
            proxy=None,
        )

    @property
    def is_open(self) -> bool:
        return self.client.state is ClientState.CONNECTED

    async def post(self, *, chat: str, text: str, client_id: str) -> Place:
        body = {"chat": chat, "text": text, "client_id": client_id}
        try:
            result = await self.client.rpc(
                "message.post", json.dumps(body).encode() if self._use_protobuf else body
            )
        except ReplyError as error:
            if error.temporary:
                raise OutcomeUnknown(str(error)) from error
            raise Refused(str(error)) from error
        except CentrifugeError as error:  # timed out, or disconnected
            raise OutcomeUnknown(repr(error)) from error
        answer = json.loads(result.data) if self._use_protobuf else result.data
        return Place(seq=answer["seq"], number=answer["message"]["number"])


class RestDoor:
    """`POST /api/chats/<uri>/messages/`."""

    name = "rest"
    is_open = True

    def __init__(self, http: httpx.AsyncClient, person: Person) -> None:
        self._http = http
        self._headers = person.headers

    async def post(self, *, chat: str, text: str, client_id: str) -> Place:
        try:
            answer = await self._http.post(
                f"/api/chats/{chat}/messages/",
                json={"text": text, "client_id": client_id},
                headers=self._headers,
            )
        except httpx.TransportError as error:
            raise OutcomeUnknown(repr(error)) from error
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            raise OutcomeUnknown(f"{answer.status_code} {answer.text}")
        if answer.status_code != httpx.codes.CREATED:
            raise Refused(f"{answer.status_code} {answer.text}")
        body = answer.json()
        return Place(seq=body["seq"], number=body["number"])


class Writer:
    """Posts one message after the other. `acknowledged` counts those of all writers."""

    def __init__(
        self,
        person: Person,
        doors: Sequence[Door],
        *,
        chat: str,
        history: History,
        acknowledged: Progress,
        rng: Random,
    ) -> None:
        self.person = person
        self.used: Counter[str] = Counter()
        self._doors = doors
        self._chat = chat
        self._history = history
        self._acknowledged = acknowledged
        self._rng = rng
        self._count = 0

    async def write(self, count: int) -> None:
        for _ in range(count):
            self._count += 1
            client_id = f"{self.person.username}/{self._count}"
            post = self._history.sends(
                author=self.person.id,
                client_id=client_id,
                text=f"{client_id} says hello, {self._rng.random()}",
            )
            if not await self._insist(post):
                return
            self._acknowledged.step()
            if self._rng.random() < REPEATS:
                await self._insist(post)

    async def _insist(self, post: Post) -> bool:
        """Until it is acknowledged (True) or refused (False)."""
        while True:
            door = self._rng.choice([door for door in self._doors if door.is_open] or self._doors)
            try:
                place = await door.post(chat=self._chat, text=post.text, client_id=post.client_id)
            except OutcomeUnknown:
                self._history.unknown(post)
                await asyncio.sleep(self._rng.uniform(*PAUSE_S))
            except Refused as error:
                self._history.refused(post, str(error))
                self._history.odd(post.client_id, f"refused by {door.name}: {error}")
                return False
            else:
                self.used[door.name] += 1
                self._history.acknowledged(post, seq=place.seq, number=place.number)
                return True
