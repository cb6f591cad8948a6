"""The bot's conversations, whole, as scripts: the same on every door.

In a script `> words` are said and `* title` is the newest button of that title, pressed. What the bot said since then
must have `< words` in it, must not have `<not words`, must end with exactly the buttons of a line `[one] [two]`, and
must bring a file whose name begins as in `file name`.
"""

import re
from pathlib import Path

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db.models import Q

from messaging.actions.broadcasts import hand_over_broadcasts
from messaging.actions.contacts import create_link_code, link_contact, unlink_contact
from messaging.models import Contact, Delivery, Inbound, Message, User
from tests.bots.conftest import Worker
from tests.bots.verses.doors import Answer, Door, MessengerDoor, TelegramDoor, WebDoor, settled
from webhooks.fakes import FakeMessenger, FakeTelegram

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("worker")]

SCRIPTS = Path(__file__).parent / "scripts"
FOR_OPERATORS = {"operators"}


async def play(script: str, door: Door) -> None:
    """Raises with the line that did not hold."""
    before: list[Answer] = []
    for number, line in enumerate((SCRIPTS / f"{script}.txt").read_text(encoding="utf-8").splitlines(), 1):
        try:
            if line.startswith(("> ", "* ")):
                before = await door.answers()
                await (door.say(line[2:]) if line[0] == ">" else door.press(_button(before, line[2:], door)))
            elif line and not line.startswith("#"):
                _check(line, _since(before, await door.answers()), door)
        except (AssertionError, LookupError) as error:
            raise AssertionError(f"{script}.txt, line {number}: {line}\n{error}") from error


def _since(before: list[Answer], now: list[Answer]) -> list[Answer]:
    """What was said, or put in the place of something, since then."""
    return [answer for place, answer in enumerate(now) if place >= len(before) or before[place] != answer]


def _button(answers: list[Answer], title: str, door: Door) -> object:
    shown = door.titled(title)
    found = [answer.buttons[shown] for answer in answers if shown in answer.buttons]
    assert found, f"There is no button {shown!r}; the last answer is {answers[-1:]}"
    return found[-1]


def _check(line: str, answers: list[Answer], door: Door) -> None:
    said = "\n".join(answer.text for answer in answers)
    if line.startswith("<not "):
        assert line[5:] not in said, said
    elif line.startswith("< "):
        assert line[2:] in said, said
    elif line.startswith("["):
        titles = [door.titled(title) for title in re.findall(r"\[(.*?)\]", line)]
        assert list(answers[-1].buttons) == titles
    elif line.startswith("file "):
        assert any(answer.file.startswith(line[5:]) for answer in answers), answers
    else:
        raise AssertionError("This line is not understood.")


def scripts(*, for_operators: bool) -> list[str]:
    return sorted(
        file.stem for file in SCRIPTS.glob("*.txt") if (file.stem in FOR_OPERATORS) == for_operators
    )


READERS = pytest.mark.parametrize("script", scripts(for_operators=False))
OPERATORS = pytest.mark.parametrize("script", scripts(for_operators=True))


@READERS
async def test_in_a_thread_on_the_web(worker: Worker, alice: User, script: str) -> None:
    await play(script, await sync_to_async(WebDoor)(worker, alice))


@READERS
async def test_on_telegram(
    worker: Worker, telegram: FakeTelegram, door: httpx.AsyncClient, script: str
) -> None:
    await play(script, TelegramDoor(worker, door, telegram, "alice"))


@READERS
async def test_on_messenger(
    worker: Worker, messenger: FakeMessenger, door: httpx.AsyncClient, script: str
) -> None:
    await play(script, MessengerDoor(worker, door, messenger, "alice"))


async def what_was_broadcast(worker: Worker, door: Door) -> list[str]:
    """What comes of what the script has confirmed, however often a worker looks."""
    before = len(await door.answers())
    for _ in range(2):
        await sync_to_async(hand_over_broadcasts)()
        await settled(worker)
    return [answer.text for answer in (await door.answers())[before:]]


@OPERATORS
async def test_an_operator_on_the_web(worker: Worker, olive: User, script: str) -> None:
    on_web = await sync_to_async(WebDoor)(worker, olive)
    await play(script, on_web)
    assert await what_was_broadcast(worker, on_web) == ["Good news!"]


@OPERATORS
async def test_an_operator_on_telegram(
    worker: Worker, olive: User, telegram: FakeTelegram, door: httpx.AsyncClient, script: str
) -> None:
    """Who has brought the code of an operator's account is one, and is told the ids of files."""
    on_telegram = TelegramDoor(worker, door, telegram, "olive")
    await on_telegram.say(f"/start link_{await sync_to_async(create_link_code)(user=olive)}")
    await play(script, on_telegram)
    assert await what_was_broadcast(worker, on_telegram) == ["Good news!"]
    telegram.sends_document(on_telegram.person, "poem.txt", b"Gone by nine.")
    telegram.sends_photo(on_telegram.person, b"the sea")
    await on_telegram.come()
    told = [answer.text.splitlines() for answer in (await on_telegram.answers())[-2:]]
    assert [title for title, _ in told] == ["file_id of poem.txt:", "file_id of image:"]
    assert [telegram.files[file_id] for _, file_id in told] == [b"Gone by nine.", b"the sea"]


@OPERATORS
async def test_an_operator_on_messenger(
    worker: Worker, olive: User, messenger: FakeMessenger, door: httpx.AsyncClient, script: str
) -> None:
    """The same, there; and what the page says is marked as it arrives and is read."""
    messenger.sends_echoes = messenger.sends_receipts = True
    on_messenger = MessengerDoor(worker, door, messenger, "olive")
    await on_messenger.say(f"/link {await sync_to_async(create_link_code)(user=olive)}")
    await play(script, on_messenger)
    assert await what_was_broadcast(worker, on_messenger) == ["Good news!"]
    address = "https://example.org/sea.png"
    messenger.sends_attachment(on_messenger.person, "image", url=address)
    await on_messenger.come()
    assert (await on_messenger.answers())[-1].text.endswith(f"for image. Its address: {address}")
    ours = Message.objects.filter(author__is_bot=True)
    await on_messenger.come()
    assert {row.delivery async for row in ours} == {"delivered"}
    messenger.reads(on_messenger.person)
    await on_messenger.come()
    assert {row.delivery async for row in ours} == {"read"}
    assert not await Delivery.objects.filter(Q(delivered_at__isnull=True) | Q(read_at__isnull=True)).aexists()
    echoes = Inbound.objects.filter(kind="echo").values_list("outcome", flat=True)
    assert {outcome async for outcome in echoes} == {"our own"}


async def test_a_location_sent_by_a_button(
    worker: Worker, telegram: FakeTelegram, messenger: FakeMessenger, door: httpx.AsyncClient
) -> None:
    on_telegram = TelegramDoor(worker, door, telegram, "alice")
    await on_telegram.say("/ask_location")
    assert telegram.last(on_telegram.person).asks_location
    telegram.sends_location(on_telegram.person, 48.8566, 2.3522)
    await on_telegram.come()
    on_messenger = MessengerDoor(worker, door, messenger, "alice")
    await on_messenger.say("/ask_location")
    messenger.sends_attachment(on_messenger.person, "location", coordinates={"lat": -33.9, "long": 18.4})
    await on_messenger.come()
    for at in (on_telegram, on_messenger):
        assert "noted where you are" in (await at.answers())[-1].text
    places = [row async for row in Contact.objects.order_by("latitude").values_list("latitude", "longitude")]
    assert places == [(-33.9, 18.4), (48.8566, 2.3522)]


async def test_favourites_follow_who_links_and_the_link_can_be_undone(
    worker: Worker, alice: User, telegram: FakeTelegram, messenger: FakeMessenger, door: httpx.AsyncClient
) -> None:
    on_web = await sync_to_async(WebDoor)(worker, alice)
    on_telegram = TelegramDoor(worker, door, telegram, "alice")
    on_messenger = MessengerDoor(worker, door, messenger, "alice")
    doors: tuple[Door, ...] = (on_web, on_telegram, on_messenger)
    for each in doors[:2]:
        await each.say("/random")
        last = (await each.answers())[-1]
        await each.press(last.buttons["⭐ Add to favourites"])
    # From the web to Telegram by a deep link, and from Messenger to the web by a code.
    code = await sync_to_async(create_link_code)(user=alice)
    await on_telegram.say(f"/start link_{code}")
    assert "Linked with alice" in (await on_telegram.answers())[-1].text
    await on_telegram.say(f"/start link_{code}")
    assert "not known" in (await on_telegram.answers())[-1].text
    await on_messenger.say("/link")
    told = re.search(r"/link/([\w-]+)/", (await on_messenger.answers())[-1].text)
    assert told is not None
    await sync_to_async(link_contact)(user=alice, code=told[1])
    for each in doors:
        await each.say("/favourites")
        assert "Your favourites (1)" in (await each.answers())[-1].text
    await on_messenger.say("/unlink")
    await on_messenger.say("/favourites")
    assert "no favourites yet" in (await on_messenger.answers())[-1].text
    contact = await Contact.objects.aget(platform="telegram")
    await sync_to_async(unlink_contact)(user=alice, contact=contact.pk)
    await on_telegram.say("/favourites")
    assert "Your favourites (1)" in (await on_telegram.answers())[-1].text  # its own
