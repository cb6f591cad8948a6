"""The same bot in a web thread: opened, written to, its buttons pressed."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from messaging.actions.accounts import delete_account
from messaging.actions.bots import enlist_bots
from messaging.models import BotState, Chat, Contact, Delivery, Inbound, User
from tests.api.door import Answer, Caller
from tests.bots.conftest import Worker

pytestmark = pytest.mark.django_db(transaction=True)


class Visitor:
    """Somebody in a thread with the parrot, over REST."""

    def __init__(self, user: User) -> None:
        enlist_bots(["parrot"])
        self.caller = Caller(user)
        opened = self.caller.post("/api/threads/", username="parrot")
        assert opened.status in (200, 201), opened.body
        self.chat = f"/api/chats/{opened.body['uri']}/"

    async def post(self, path: str, /, **fields: Any) -> Answer:
        return await sync_to_async(self.caller.post)(f"{self.chat}{path}", **fields)

    async def messages(self) -> list[dict[str, Any]]:
        answer = await sync_to_async(self.caller.get)(f"{self.chat}messages/")
        found: list[dict[str, Any]] = answer.body["messages"]
        return found

    async def texts(self) -> list[str]:
        return [each["text"] for each in await self.messages()]


@pytest.fixture
async def at(worker: Worker, alice: User) -> Visitor:
    return await sync_to_async(Visitor)(alice)


async def test_the_bot_answers_in_its_thread(worker: Worker, at: Visitor) -> None:
    await at.post("messages/", text="/start")
    await at.post("messages/", text="count")
    await at.post("messages/", text="count", client_id="k")
    await at.post("messages/", text="count", client_id="k")
    await worker.settled()
    texts = await at.texts()
    assert sorted(texts) == sorted(["/start", "Hello, stranger!", "Choose:", "count", "1", "count", "2"])
    assert not await Delivery.objects.aexists()
    assert (await BotState.objects.aget()).data == {"count": 2}
    contact = await Contact.objects.select_related("user").aget()
    assert (contact.platform, contact.account, contact.user and contact.user.username) == (
        "web",
        "parrot",
        "alice",
    )


async def test_a_pressed_button_edits_the_message_in_place_once(worker: Worker, at: Visitor) -> None:
    await at.post("messages/", text="/start")
    await worker.settled()
    menu = (await at.messages())[-1]
    assert menu["extras"]["buttons"] == [[{"title": "Page 1", "press": "page:1", "url": None}]]
    path = f"messages/{menu['number']}/press/"
    for _ in range(3):
        assert (await at.post(path, press="page:1", client_id="k")).status == 204
    await worker.settled()
    edited = (await at.messages())[-1]
    assert (edited["number"], edited["text"]) == (menu["number"], "Page 1")
    assert edited["extras"]["buttons"][0][0]["press"] == "page:2"
    assert (await at.post(path, press="page:1", client_id="k")).status == 204, (
        "pressed before, and gone since"
    )
    assert await Inbound.objects.filter(kind="button").acount() == 1
    gone = await at.post(path, press="page:1")
    assert (gone.status, gone.code) == (404, "no_such_button")


async def test_a_suggested_answer_is_said_and_chosen(worker: Worker, at: Visitor) -> None:
    await at.post("messages/", text="/choose")
    await worker.settled()
    number = (await at.messages())[-1]["number"]
    assert (await at.post(f"messages/{number}/press/", press="choice:this")).status == 204
    await worker.settled()
    assert (await at.texts())[-2:] == ["This", "You chose this"]


@pytest.fixture
def as_charlie(charlie: User) -> Caller:
    return Caller(charlie)


async def test_a_file_is_fetched_by_its_reader_only(worker: Worker, at: Visitor, as_charlie: Caller) -> None:
    await at.post("messages/", text="/file")
    await worker.settled()
    last = (await at.messages())[-1]
    assert (last["extras"]["name"], last["extras"]["kept"]) == ("seeds.csv", True)
    assert "content" not in last["extras"]
    path = f"{at.chat}messages/{last['number']}/document/"
    got = await sync_to_async(at.caller.get)(path)
    assert (got.status, got.headers["Content-Disposition"]) == (200, 'attachment; filename="seeds.csv"')
    assert (await sync_to_async(as_charlie.get)(path)).status == 404


async def test_charlie_presses_nothing(worker: Worker, at: Visitor, as_charlie: Caller) -> None:
    await at.post("messages/", text="/start")
    await worker.settled()
    number = (await at.messages())[-1]["number"]
    refused = await sync_to_async(as_charlie.post)(f"{at.chat}messages/{number}/press/", press="page:1")
    assert refused.status == 404
    assert not await Inbound.objects.filter(kind="button").aexists()


async def test_threads_with_bots_are_beside_the_one_with_a_person(
    worker: Worker, at: Visitor, bob: User
) -> None:
    opened = await sync_to_async(at.caller.post)("/api/threads/", username="bob")
    assert opened.status == 201


async def test_after_a_closed_thread_the_bot_knows_them_in_the_next(worker: Worker, at: Visitor) -> None:
    await at.post("messages/", text="count")
    await worker.settled()
    await at.post("close/")
    again = await sync_to_async(Visitor)(await User.objects.aget(username="alice"))
    assert again.chat != at.chat
    await again.post("messages/", text="count")
    await worker.settled()
    assert await again.texts() == ["count", "2"]
    assert await Chat.objects.filter(kind="thread").acount() == 2


async def test_who_deletes_their_account_is_forgotten_by_bots(worker: Worker, at: Visitor) -> None:
    await at.post("messages/", text="count")
    await at.post("messages/", text="/slowly")
    await worker.settled()
    alice = await User.objects.aget(username="alice")
    await sync_to_async(delete_account)(user=alice)
    assert not await BotState.objects.aexists()
    contact = await Contact.objects.select_related("user").aget()
    assert (contact.chosen_language, contact.display_name) == ("", "deleted user")
