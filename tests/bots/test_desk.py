"""Operators watch contacts' chats and take them over; nobody else knows that there are any."""

from functools import partial
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from messaging.actions.journal import replay_inbounds
from messaging.errors import Forbidden
from messaging.models import Chat, Contact, Inbound, Member, User
from tests.api.door import Answer, Caller
from tests.bots.conftest import Worker, arrival, transcript

pytestmark = pytest.mark.django_db(transaction=True)

told = sync_to_async(transcript)


async def ask(caller: Caller, method: str, path: str, **fields: Any) -> Answer:
    return await sync_to_async(caller.send)(method, path, body=fields)


@pytest.fixture
def as_olive(olive: User) -> Caller:
    return Caller(olive)


@pytest.fixture
def as_charlie(charlie: User) -> Caller:
    return Caller(charlie)


async def test_an_operator_takes_a_chat_over_and_hands_it_back(worker: Worker, as_olive: Caller) -> None:
    await worker.take(arrival("ada", "hello"))
    desk = (await ask(as_olive, "GET", "/api/desk/chats/")).body
    [line] = desk["chats"]
    assert (line["contact"]["name"], line["contact"]["taken_by"], line["message_count"]) == ("ada", None, 2)
    assert line["last_message"]["delivery"] == "sent"
    path = f"/api/desk/chats/{line['uri']}/"
    taken = await ask(as_olive, "POST", f"{path}take/")
    assert taken.body["contact"]["taken_by"]["username"] == "olive"
    await worker.take(arrival("ada", "are you a bot?"))
    posted = await ask(as_olive, "POST", f"/api/chats/{line['uri']}/messages/", text="No, I am Olive.")
    assert (posted.status, posted.body["delivery"]) == (201, "waiting")
    await worker.settled()
    assert worker.paper.texts("ada") == ["hello", "No, I am Olive."]
    assert worker.paper.sent["ada"][-1].by_human
    await ask(as_olive, "POST", f"{path}hand-back/")
    await worker.take(arrival("ada", "bye"))
    assert await told("ada") == [
        ("ada", "hello"),
        ("parrot", "hello"),
        ("ada", "are you a bot?"),
        ("olive", "No, I am Olive."),
        ("ada", "bye"),
        ("parrot", "bye"),
    ]
    assert not await Member.objects.filter(chat__uri=line["uri"]).aexists()


async def test_who_waits_for_a_person_is_found_at_the_desk(worker: Worker, as_olive: Caller) -> None:
    async def desk(**query: str) -> tuple[list[str], int]:
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        page = (await ask(as_olive, "GET", f"/api/desk/chats/?{asked}")).body
        return [each["contact"]["name"] for each in page["chats"]], page["waiting"]

    await worker.take(arrival("ada", "hello"))
    assert await desk(waiting="true") == ([], 0)  # the bot has answered
    await worker.take(arrival("ben", "/break"))
    assert await desk(waiting="true") == (["ben"], 1)  # an apology is no answer
    uris = {each.external_id: each.chat.uri async for each in Contact.objects.select_related("chat")}
    await ask(as_olive, "POST", f"/api/desk/chats/{uris['ada']}/take/")
    assert await desk(waiting="false", mine="true") == (["ada"], 1)
    await worker.take(arrival("ada", "are you a bot?"))
    first = (await ask(as_olive, "GET", f"/api/desk/chats/{uris['ada']}/")).body["waiting_since"]
    await worker.take(arrival("ada", "hello?"))
    assert (await ask(as_olive, "GET", f"/api/desk/chats/{uris['ada']}/")).body["waiting_since"] == first
    assert await desk(waiting="true") == (["ada", "ben"], 2)
    assert await desk(mine="false") == (["ben"], 2)
    await ask(as_olive, "POST", f"/api/chats/{uris['ada']}/messages/", text="I am Olive.")
    assert await desk(waiting="true") == (["ben"], 1)
    await worker.take(arrival("ben", "hello again"))
    assert await desk(waiting="true") == ([], 0)  # the bot has got over it
    await worker.take(arrival("ada", "bye"))
    await ask(as_olive, "POST", f"/api/desk/chats/{uris['ada']}/hand-back/")
    assert await desk(waiting="true") == ([], 0)
    await ask(as_olive, "POST", f"/api/desk/chats/{uris['ada']}/take/")
    await worker.take(arrival("ada", "still there?"))
    await ask(as_olive, "POST", f"/api/desk/chats/{uris['ada']}/ban/")
    assert await desk(waiting="true") == ([], 0)


async def test_what_an_operator_corrects_or_deletes_reaches_the_contact(
    worker: Worker, as_olive: Caller
) -> None:
    await worker.take(arrival("ada", "hello"))
    uri = (await Chat.objects.aget(kind="contact")).uri
    await ask(as_olive, "POST", f"/api/chats/{uri}/messages/", text="Helo")
    await worker.settled()
    await ask(as_olive, "PATCH", f"/api/chats/{uri}/messages/3/", text="Hello")
    await worker.settled()
    assert [(each.content.text, each.edits) for each in worker.paper.sent["ada"][1:]] == [  # type: ignore[union-attr]
        ("Helo", ""),
        ("Hello", "paper-2"),
    ]
    await ask(as_olive, "DELETE", f"/api/chats/{uri}/messages/1/")
    inbound = await Inbound.objects.aget()
    assert (inbound.raw, inbound.heard, (await told("ada"))[0]) == (None, None, ("ada", ""))


async def test_who_is_banned_is_neither_heard_nor_written_to(worker: Worker, as_olive: Caller) -> None:
    await worker.take(arrival("ada", "hello"))
    uri = (await Chat.objects.aget(kind="contact")).uri
    banned = await ask(as_olive, "POST", f"/api/desk/chats/{uri}/ban/")
    assert banned.body["contact"]["banned"] is True
    await worker.take(arrival("ada", "let me in"))
    posted = await ask(as_olive, "POST", f"/api/chats/{uri}/messages/", text="No.")
    assert posted.body["delivery"] == "skipped"
    assert worker.paper.texts("ada") == ["hello"]
    assert (await Inbound.objects.alatest("pk")).outcome == "banned"
    await ask(as_olive, "DELETE", f"/api/desk/chats/{uri}/ban/")
    await worker.take(arrival("ada", "thank you"))
    assert worker.paper.texts("ada") == ["hello", "thank you"]


async def test_charlie_sees_nothing_of_any_of_it(
    worker: Worker, as_charlie: Caller, as_olive: Caller
) -> None:
    await worker.take(arrival("ada", "hello"))
    uri = (await Chat.objects.aget(kind="contact")).uri
    chat, desk = f"/api/chats/{uri}/", f"/api/desk/chats/{uri}/"
    attempts: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", chat, {}),
        ("GET", f"{chat}messages/", {}),
        ("GET", f"{chat}messages/1/", {}),
        ("GET", f"{chat}events/", {}),
        ("GET", f"{chat}members/", {}),
        ("POST", f"{chat}messages/", {"text": "hello?"}),
        ("POST", f"{chat}messages/1/press/", {"press": "page:1"}),
        ("POST", f"{chat}read/", {"number": 1}),
        ("DELETE", f"{chat}messages/1/", {}),
    ]
    for method, path, fields in attempts:
        assert (await ask(as_charlie, method, path, **fields)).status == 404, (method, path)
    for method, path in [
        ("GET", "/api/desk/chats/"),
        ("GET", desk),
        ("POST", f"{desk}take/"),
        ("POST", f"{desk}hand-back/"),
        ("POST", f"{desk}ban/"),
        ("DELETE", f"{desk}ban/"),
        ("GET", "/api/desk/chats/no-such-chat/"),
    ]:
        refused = await ask(as_charlie, method, path)
        assert (refused.status, refused.code) == (403, "not_an_operator"), (method, path)
    assert (await ask(as_charlie, "GET", "/api/chats/")).body["chats"][0]["kind"] == "feed"
    assert len((await ask(as_charlie, "GET", "/api/chats/")).body["chats"]) == 1
    assert (await ask(as_olive, "GET", "/api/desk/chats/no-such-chat/")).status == 404


async def test_the_desk_is_read_page_by_page(worker: Worker, as_olive: Caller) -> None:
    await worker.take(*[arrival(f"person-{number}", "hello") for number in range(5)])
    first = (await ask(as_olive, "GET", "/api/desk/chats/?limit=3")).body
    second = (await ask(as_olive, "GET", f"/api/desk/chats/?limit=3&before={first['next']}")).body
    names = [each["contact"]["name"] for each in first["chats"] + second["chats"]]
    assert sorted(names) == [f"person-{number}" for number in range(5)]
    assert second["next"] is None
    assert (await ask(as_olive, "GET", "/api/desk/chats/?taken=true")).body["chats"] == []


async def test_a_range_of_the_journal_is_replayed_and_nothing_is_said_twice(worker: Worker) -> None:
    """Once what broke has been mended: here, what they had said."""
    await worker.take(*[arrival(person, text) for person in ("ada", "ben") for text in ("/break", "hi")])
    root = await sync_to_async(User.objects.create_superuser)("root", "", "x")
    admin = Client()
    await sync_to_async(admin.force_login)(root)

    async def replay(**fields: object) -> str:
        page = "/admin/messaging/inbound/?platform__exact=paper"
        sent = {"action": "replay", "_selected_action": ["0"], **fields}
        return (await sync_to_async(admin.post)(page, sent, follow=True)).content.decode()

    async def journal() -> list[tuple[str, str, bool]]:
        rows = Inbound.objects.order_by("pk").values_list("state", "outcome", "error")
        return [(state, outcome, "the cage is open" in error) async for state, outcome, error in rows]

    # Not mended yet: parked again, without another apology.
    first = await Inbound.objects.filter(state="parked").aearliest("pk")
    assert "1 will be handled again." in await replay(_selected_action=[first.pk])
    await worker.settled()
    assert [text for _, text in await told("ada")] == [
        "/break",
        "Sorry, something went wrong. It has been written down.",
        "hi",
        "hi",
    ]
    mended = {"kind": "command", "command": "start", "text": "/start"}
    await Inbound.objects.filter(state="parked").aupdate(heard=mended)
    said = await replay(_selected_action=[first.pk], select_across="1")
    assert "2 will be handled again." in said
    assert "2 were left" in said
    await worker.settled()
    assert "4 were left" in await replay(_selected_action=[first.pk], select_across="1")
    await worker.settled()
    for person in ("ada", "ben"):
        assert [text for _, text in await told(person)][4:] == ["Hello again!", "Choose:"]
        assert worker.paper.texts(person)[2:] == ["Hello again!", "Choose:"]
    # What became of each, and why it was parked before.
    assert (
        await journal()
        == [
            ("done", "2 answered, when it was replayed", True),
            ("done", "1 answered", False),
        ]
        * 2
    )


async def test_what_is_parked_is_replayed_once(worker: Worker, olive: User, charlie: User) -> None:
    await worker.take(arrival("ada", "/break"))
    [pk] = [row.pk async for row in Inbound.objects.all()]
    await Inbound.objects.filter(pk=pk).aupdate(
        heard={"kind": "command", "command": "start", "text": "/start"}
    )
    with pytest.raises(Forbidden):
        await sync_to_async(replay_inbounds)([pk], operator=charlie)
    replay = partial(sync_to_async(replay_inbounds), operator=olive)
    assert await replay([pk]) == 1
    await worker.settled()
    assert await replay([pk]) == 0
    await worker.settled()
    assert [text for _, text in await told("ada")][:1] == ["/break"]
    assert [text for _, text in await told("ada")][2:] == ["Hello again!", "Choose:"]


async def test_a_contact_is_linked_both_ways_and_unlinked(
    worker: Worker, as_charlie: Caller, charlie: User
) -> None:
    await worker.take(arrival("ada", "hello"), arrival("ben", "hello"))
    code = (await ask(as_charlie, "POST", "/api/me/contacts/code/")).body["code"]
    await worker.take(arrival("ada", f"/start link_{code}"))
    assert (await Contact.objects.aget(external_id="ada")).user_id == charlie.pk
    await worker.take(arrival("ben", f"/start link_{code}"))
    assert (await Contact.objects.aget(external_id="ben")).user_id is None
    await worker.take(arrival("ben", "/link"))
    given = worker.paper.texts("ben")[-1].rpartition("/link/")[2].strip("/").split()[0]
    linked = await ask(as_charlie, "POST", "/api/me/contacts/", code=given)
    assert [each["name"] for each in linked.body["contacts"]] == ["ada", "ben"]
    again = await ask(as_charlie, "POST", "/api/me/contacts/", code=given)
    assert (again.status, again.code) == (404, "no_such_code")
    ada = await Contact.objects.aget(external_id="ada")
    assert (await ask(as_charlie, "DELETE", f"/api/me/contacts/{ada.pk}/")).status == 204
    await worker.take(arrival("ben", "/unlink"))
    assert not await Contact.objects.filter(user=charlie).aexists()


async def test_what_first_led_somebody_here_is_kept_once(worker: Worker) -> None:
    await worker.take(
        arrival("ada", "/start ada"),
        arrival("ben", "/start ada"),
        arrival("ben", "/start somebody-else"),
    )
    ben = await Contact.objects.select_related("referred_by").aget(external_id="ben")
    assert (ben.referral, ben.referred_by and ben.referred_by.external_id) == ("ada", "ada")
    assert (await Contact.objects.aget(external_id="ada")).referral == ""
