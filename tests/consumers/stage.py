"""Owns the stage of a file's tests: one database and one server for all of them, and a cast of its own for each.

Starting a server for each test would take longer than the tests. They stay apart by their people and rooms, which
nobody else has; the feed is everybody's.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import httpx
from django.contrib.auth.models import Permission
from django.test import Client

from messaging.actions.accounts import create_token, sign_up
from messaging.actions.chats import add_member, create_room
from messaging.actions.messages import Post, post_messages
from messaging.database import DatabaseThreads
from messaging.events import Message
from messaging.models import User
from messaging.queries.positions import epoch
from tests.conftest import PASSWORD
from tests.consumers.sdk import PythonClient
from tests.live_server import LiveServer

POSTS_PER_COMMIT = 100
# A file may have a second stage on the same database.
_numbers = itertools.count(1)

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Actor:
    """Somebody with an account and a signed-in device."""

    user: User
    token: str

    @property
    def id(self) -> int:
        return self.user.pk

    @property
    def name(self) -> str:
        return self.user.username

    @property
    def stream(self) -> str:
        return f"user.{self.id}"


@dataclass(frozen=True)
class Cast:
    """The cast of tests/conftest.py, under names that are this test's own."""

    alice: Actor
    bob: Actor
    charlie: Actor
    olive: Actor


class Stage:
    """What the tests of one file share."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self._database = DatabaseThreads("stage", 2)
        self._voices: dict[int, PythonClient] = {}

    async def close(self) -> None:
        for voice in self._voices.values():
            await voice.disconnect()
        self._database.close(5)

    async def act(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs an action or a query here, in the tests' process. Without Redis the server does not hear its bells."""
        return await self._database.run(function, *args, **kwargs)

    async def actor(self, name: str) -> Actor:
        return await self.act(new_actor, f"{name}{next(_numbers)}")

    async def cast(self) -> Cast:
        olive = await self.actor("olive")
        await self.act(make_operator, olive.user)
        return Cast(await self.actor("alice"), await self.actor("bob"), await self.actor("charlie"), olive)

    async def room(self, owner: Actor, *members: Actor, **options: Any) -> str:
        """The uri of a new room."""
        return await self.act(new_room, owner, *members, **options)

    async def epoch(self) -> str:
        return await self.act(epoch)

    async def voice(self, actor: Actor) -> PythonClient:
        """A connected client of theirs that follows nothing, to do things with at the server."""
        voice = self._voices.get(actor.id)
        if voice is None:
            voice = self._voices[actor.id] = PythonClient(self.server.ws_url, token=actor.token)
            await voice.connect()
        await voice.until(lambda: voice.is_connected)
        return voice

    async def ask(self, actor: Actor, method: str, **data: Any) -> dict[str, Any]:
        """Has the server do a command for them."""
        return await (await self.voice(actor)).rpc(method, data)

    async def request(self, actor: Actor | None, method: str, path: str, **json: Any) -> Any:
        """Asks the server over REST; returns the answer's JSON, or None if it has none."""
        headers = {"Authorization": f"Token {actor.token}"} if actor else {}
        async with httpx.AsyncClient(base_url=self.server.url, headers=headers, trust_env=False) as client:
            response = await client.request(method, path, json=json)
        assert response.is_success, (response.status_code, response.text)
        return response.json() if response.content else None

    async def fill(self, actor: Actor, chat: str, texts: Iterable[str]) -> None:
        """Posts messages here, for what is only read later."""
        await self.act(post_all, actor, chat, texts)

    async def say(self, actor: Actor, chat: str, *texts: str) -> list[int]:
        """Posts messages at the server, one after the other, and returns their `seq`s."""
        return [(await self.ask(actor, "message.post", chat=chat, text=text))["seq"] for text in texts]


def new_actor(name: str) -> Actor:
    user = sign_up(username=name, password=PASSWORD)
    return Actor(user, create_token(user=user, name="test")[1])


def make_operator(user: User) -> None:
    user.user_permissions.add(Permission.objects.get(codename="operate"))


def new_room(owner: Actor, *members: Actor, **options: Any) -> str:
    uri = create_room(user=owner.user, **options).uri
    for member in members:
        add_member(user=owner.user, chat=uri, username=member.name)
    return uri


def new_session(user: User) -> str:
    """The key of a page session that the user is signed in with."""
    client = Client()
    client.force_login(user)
    key = client.session.session_key
    assert key is not None
    return key


def post_all(actor: Actor, chat: str, texts: Iterable[str]) -> None:
    post_together([Post(actor.user, chat, text) for text in texts])


def post_together(posts: Sequence[Post]) -> None:
    """Posts many messages in few commits."""
    for start in range(0, len(posts), POSTS_PER_COMMIT):
        some = posts[start : start + POSTS_PER_COMMIT]
        outcomes = post_messages(some)
        assert all(isinstance(outcomes.get(post), Message) for post in some), outcomes
