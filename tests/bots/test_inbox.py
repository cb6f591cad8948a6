"""What contacts do is handled once, in order, and answered."""

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.test import override_settings
from django.utils import timezone

from messaging.actions.bots import change_setting
from messaging.actions.inbounds import claim_inbounds
from messaging.actions.journal import store_inbounds
from messaging.heard import Profile
from messaging.models import BotSetting, BotState, Contact, Delivery, Inbound, Message, User
from tests.bots.conftest import Worker, arrival, happens, pressed, transcript

pytestmark = pytest.mark.django_db(transaction=True)

told = sync_to_async(transcript)


async def test_somebody_writes_and_is_answered(worker: Worker) -> None:
    await worker.take(arrival("ada", "/start"), arrival("ada", "Good morning"))
    assert worker.paper.texts("ada") == ["Hello, stranger!", "Choose:", "Good morning"]
    assert await told("ada") == [
        ("ada", "/start"),
        ("parrot", "Hello, stranger!"),
        ("parrot", "Choose:"),
        ("ada", "Good morning"),
        ("parrot", "Good morning"),
    ]
    sent = [row async for row in Delivery.objects.order_by("pk").values_list("state", "attempts", "lost")]
    assert sent == [("sent", 1, 0)] * 3
    outcomes = [row async for row in Inbound.objects.order_by("pk").values_list("state", "outcome")]
    assert outcomes == [("done", "2 answered"), ("done", "1 answered")]


async def test_what_one_says_quickly_is_answered_in_order(worker: Worker) -> None:
    words = [str(number) for number in range(30)]
    await worker.take(*[arrival(person, word) for word in words for person in ("ada", "ben")])
    assert worker.paper.texts("ada") == words
    assert worker.paper.texts("ben") == words


async def test_a_bot_remembers_what_it_kept(worker: Worker) -> None:
    await worker.take(*[arrival("ada", "count") for _ in range(5)])
    assert worker.paper.texts("ada") == ["1", "2", "3", "4", "5"]
    state = await BotState.objects.aget()
    assert (state.data, state.version) == ({"count": 5}, 5)


async def test_a_slow_handler_shows_typing_and_keeps_what_it_learns(worker: Worker) -> None:
    await worker.take(arrival("ada", "/slowly 0.7"), arrival("ada", "/slowly"))
    assert [each.content.kind for each in worker.paper.sent["ada"]] == ["typing", "text", "text"]
    assert worker.paper.texts("ada") == ["Slowly 1", "Slowly 2"]
    assert (await Contact.objects.aget()).speaks == "fr"


async def test_a_pressed_button_replaces_the_message_in_place(worker: Worker) -> None:
    await worker.take(arrival("ada", "/start"))
    menu = await Message.objects.aget(text="Choose:")
    await worker.take(arrival("ada", pressed("page:1", menu.external_id)))
    assert (await told("ada"))[1:] == [("parrot", "Hello, stranger!"), ("parrot", "Page 1")]
    last = worker.paper.sent["ada"][-1]
    assert (last.edits, worker.paper.texts("ada")[-1]) == (menu.external_id, "Page 1")
    assert worker.paper.acknowledged == ["ack"]
    await worker.take(arrival("ada", pressed("page:2", "something-we-never-sent")))
    assert (await told("ada"))[-1] == ("parrot", "Page 2")


async def test_a_handler_that_raises_is_parked_apologises_once_and_stops_nobody(
    worker: Worker, olive: User
) -> None:
    """And those who look after the bot are told, in the chat that its settings name."""
    await sync_to_async(change_setting)(operator=olive, bot="parrot", key="log_chat", value="feed")
    await worker.take(arrival("ada", "/break"), arrival("ada", "still there?"), arrival("ben", "hello"))
    assert worker.paper.texts("ada")[0].startswith("Sorry")
    assert worker.paper.texts("ada")[1:] == ["still there?"]
    assert worker.paper.texts("ben") == ["hello"]
    assert (await told("ada"))[0] == ("ada", "/break")
    parked = await Inbound.objects.aget(state="parked")
    assert "the cage is open" in parked.error
    assert not await BotSetting.objects.filter(key__startswith="left behind").aexists()
    reports = Message.objects.filter(chat__kind="feed").select_related("author")
    await happens(reports.acount)
    report = await reports.aget()
    assert report.text == f"Inbound {parked.pk} of ada is parked: ValueError: the cage is open"
    assert report.author is not None
    assert report.author.username == "parrot"


async def test_a_platform_that_does_not_say_who_writes_is_asked_and_seldom(worker: Worker) -> None:
    async def asked_after(text: str) -> int:
        await worker.take(arrival("ada", text, profile=Profile()))
        await happens(Contact.objects.filter(profile_at__isnull=False).aexists)
        return len(worker.paper.asked_for)

    worker.paper.profiles["ada"] = Profile(first_name="Ada", picture_url="https://example.org/ada.png")
    assert [await asked_after(text) for text in ("one", "two", "three")] == [1, 1, 1]
    contact = await Contact.objects.aget()
    assert (contact.first_name, contact.picture_url) == ("Ada", "https://example.org/ada.png")
    # A week later it is asked again; what it does not say is kept.
    worker.paper.profiles.clear()
    await Contact.objects.aupdate(profile_at=timezone.now() - timedelta(days=8))
    await worker.take(arrival("ada", "four", profile=Profile()))
    await happens(Contact.objects.filter(profile_at__gt=timezone.now() - timedelta(days=1)).aexists)
    assert worker.paper.asked_for == ["ada", "ada"]
    assert (await Contact.objects.aget()).first_name == "Ada"


async def test_what_nobody_understands_is_stored_and_parked(worker: Worker) -> None:
    await worker.take(arrival("ada", None, error="A shape nobody knows."))
    parked = await Inbound.objects.aget()
    assert (parked.state, parked.error, parked.raw) == ("parked", "A shape nobody knows.", {"from": "ada"})
    assert not await Contact.objects.aexists()


def test_what_this_version_cannot_read_is_parked_and_holds_up_nobody() -> None:
    store_inbounds([arrival("ada", "one"), arrival("x" * 99, "two", external_id="y" * 999)])
    Inbound.objects.filter(person="ada").update(heard={"kind": "telepathy"})
    [claimed] = claim_inbounds(limit=5)
    assert claimed.heard.text == "two"
    parked = Inbound.objects.get(person="ada")
    assert (parked.state, "telepathy" in parked.error) == ("parked", True)
    store_inbounds([arrival("ada", "three")])
    [claimed] = claim_inbounds(limit=5)
    assert claimed.heard.text == "three"


async def test_a_handler_that_takes_too_long_is_parked(worker: Worker) -> None:
    with override_settings(WORKER_LEASE_S=2):
        await worker.take(arrival("ada", "/slowly 5"), arrival("ada", "hello"))
    assert (await Inbound.objects.aget(state="parked")).error.strip().endswith("TimeoutError")
    assert worker.paper.texts("ada")[1:] == ["hello"]
