"""The doors that a conversation with the verse bot runs through, all spoken to in the same words."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from asgiref.sync import sync_to_async

from messaging.models import Inbound, User
from tests.api.door import Caller
from tests.bots.conftest import Worker


@dataclass
class Answer:
    """What the bot has said: its words, the titles of its buttons with what they press, the name of its file."""

    text: str
    buttons: dict[str, Any] = field(default_factory=dict)
    file: str = ""


class Door(Protocol):
    """One person at one door. `title_length`: what longer titles of buttons are cut to there."""

    title_length: int

    async def say(self, text: str) -> None: ...

    async def press(self, press: Any) -> None: ...

    async def answers(self) -> list[Answer]:
        """Everything the bot has said, as it stands, oldest first."""


async def settled(worker: Worker) -> None:
    """Returns when everything that has come is answered and everything that is owed is sent."""
    await worker.settled()
    parked = [row async for row in Inbound.objects.filter(state="parked").values_list("error", flat=True)]
    assert not parked, parked[0]


class WebDoor:
    """A thread with the bot, over REST."""

    title_length = 80

    def __init__(self, worker: Worker, user: User) -> None:
        self._worker = worker
        self._caller = Caller(user)
        self._uri = self._caller.post("/api/threads/", username="verses").body["uri"]

    async def say(self, text: str) -> None:
        answer = await sync_to_async(self._caller.post)(f"/api/chats/{self._uri}/messages/", text=text)
        assert answer.status == 201, answer
        await settled(self._worker)

    async def press(self, press: Any) -> None:
        number, pressed = press
        path = f"/api/chats/{self._uri}/messages/{number}/press/"
        answer = await sync_to_async(self._caller.post)(path, press=pressed)
        assert answer.status == 204, answer
        await settled(self._worker)

    async def answers(self) -> list[Answer]:
        page = await sync_to_async(self._caller.get)(f"/api/chats/{self._uri}/messages/", limit=100)
        return [self._answer(row) for row in page.body["messages"] if row["author"]["username"] == "verses"]

    def _answer(self, row: dict[str, Any]) -> Answer:
        extras = row["extras"] or {}
        buttons = {
            button["title"]: (row["number"], button["press"])
            for buttons in extras.get("buttons", [])
            for button in buttons
        }
        return Answer(row["text"], buttons, extras.get("name", "") if extras.get("kind") == "file" else "")
