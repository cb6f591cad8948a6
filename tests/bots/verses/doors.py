"""The doors that a conversation with the verse bot runs through, all spoken to in the same words."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
from asgiref.sync import sync_to_async

from messaging.models import Inbound, User
from tests.api.door import Caller
from tests.bots.conftest import Worker
from tests.webhooks.conftest import MESSENGER, TELEGRAM, knock
from webhooks.fakes import FakeMessenger, FakeTelegram
from webhooks.platforms.words import shortened


@dataclass
class Answer:
    """What the bot has said: its words, the titles of its buttons with what they press, the name of its file."""

    text: str
    buttons: dict[str, Any] = field(default_factory=dict)
    file: str = ""


class Door(Protocol):
    """One person at one door."""

    def titled(self, title: str) -> str:
        """How the title of a button is shown there."""

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

    def __init__(self, worker: Worker, user: User) -> None:
        self._worker = worker
        self._caller = Caller(user)
        self._uri = self._caller.post("/api/threads/", username="verses").body["uri"]

    def titled(self, title: str) -> str:
        return title

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


class TelegramDoor:
    """A private chat with the bot on Telegram's fake."""

    def __init__(self, worker: Worker, door: httpx.AsyncClient, fake: FakeTelegram, name: str) -> None:
        self._worker, self._door, self.fake = worker, door, fake
        self.person = 41
        fake.person(self.person, first_name=name)

    def titled(self, title: str) -> str:
        return title

    async def say(self, text: str) -> None:
        self.fake.says(self.person, text)
        await self.come()

    async def press(self, press: Any) -> None:
        message_id, title = press
        self.fake.presses(self.person, title, message_id)
        await self.come()

    async def come(self) -> None:
        """Brings what has happened there to the webhook, and waits for what follows."""
        knocks = [self.fake.knock_of(update) for update in self.fake.updates]
        self.fake.updates.clear()
        assert set(await knock(self._door, TELEGRAM, *knocks)) == {200}
        await settled(self._worker)

    async def answers(self) -> list[Answer]:
        names = [asked.files["document"][0] for asked in self.fake.asked if "document" in asked.files]
        return [
            Answer(
                shown.text,
                {title: (shown.message_id, title) for titles in shown.titles for title in titles},
                names.pop(0) if shown.kind == "document" else "",
            )
            for shown in list(self.fake.chats[self.person])
            if shown.is_bot
        ]


class MessengerDoor:
    """A chat with the page on Messenger's fake."""

    def __init__(self, worker: Worker, door: httpx.AsyncClient, fake: FakeMessenger, name: str) -> None:
        self._worker, self._door, self.fake = worker, door, fake
        self.person = "5101"
        fake.person(self.person, first_name=name)

    def titled(self, title: str) -> str:
        return shortened(title, 20)

    async def say(self, text: str) -> None:
        self.fake.says(self.person, text)
        await self.come()

    async def press(self, press: Any) -> None:
        self.fake.presses(self.person, press)
        await self.come()

    async def come(self) -> None:
        assert set(await knock(self._door, MESSENGER, *self.fake.take_knocks())) == {200}
        await settled(self._worker)

    async def answers(self) -> list[Answer]:
        return [
            Answer(
                shown.text,
                {each["title"]: each["title"] for each in (*shown.buttons, *shown.quick_replies)},
                shown.text if shown.file else "",
            )
            for shown in list(self.fake.chats[self.person])
            if shown.is_page
        ]
