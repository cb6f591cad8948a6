"""What people on Telegram and Messenger have written to the demo's bot: waiting, taken over, read, refused."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from messaging.actions.bots import enlist_bots
from messaging.actions.contacts import ban_contact, take_contact
from messaging.actions.deliveries import claim_deliveries, record_refused, record_sent
from messaging.actions.inbounds import claim_inbounds, handle_inbound, park_inbound
from messaging.actions.journal import store_inbounds
from messaging.actions.messages import post_message
from messaging.content import AnyContent, Button, Card, Cards, Image, QuickReplies, QuickReply, Text
from messaging.heard import Arrival, Attachment, Heard, Kind, Profile, said
from messaging.models import Contact, User

BOT = "verses"
SORRY = "Sorry, that did not work. Somebody will have a look."


@dataclass(frozen=True)
class Asked:
    """What the contact does, and what the bot answers; `breaks`: it fails at it."""

    heard: Heard
    answers: Sequence[AnyContent] = ()
    breaks: bool = False


@dataclass(frozen=True)
class Answered:
    """By an operator, who takes the chat over first. `refused`: the platform does not take it."""

    text: str
    refused: bool = False


@dataclass(frozen=True)
class Demo:
    person: str
    platform: str
    profile: Profile
    turns: Sequence[Asked | Answered]
    has_read: bool = False
    banned: bool = False


def _asks(text: str, *answers: AnyContent, breaks: bool = False) -> Asked:
    return Asked(said(text), answers, breaks)


def _rows(*titles: Sequence[str]) -> list[list[Button]]:
    return [[Button(title=title, press=f"demo:{title[:20]}") for title in row] for row in titles]


MENU = _rows(("A random verse", "My favourites"), ("A verse a day", "Settings"))
VERSE = "The harbour lamp\nforgets the ships by morning\nand learns the gulls."

CONTACTS = (
    Demo(
        "demo-spam",
        "telegram",
        Profile(first_name="Best Watches 4 You", language="en"),
        (_asks("Luxury watches, today only, 90 % off!!!", Text(text="I know only verses.", buttons=MENU)),),
        banned=True,
    ),
    Demo(
        "demo-priya",
        "messenger",
        Profile(first_name="Priya", last_name="Raman", language="en"),
        (
            _asks(
                "Get started",
                QuickReplies(
                    text="Welcome! Which language do you read in?",
                    replies=[QuickReply(title=each, press=f"demo:{each}") for each in ("English", "Deutsch")],
                ),
            ),
            _asks(
                "English",
                Cards(
                    text="Some to begin with:",
                    cards=[
                        Card(title="The harbour lamp", subtitle="Ines Calder", buttons=_rows(("Read",))[0]),
                        Card(title="Salt", subtitle="Ines Calder", buttons=_rows(("Read",))[0]),
                    ],
                ),
            ),
            Asked(
                Heard(
                    kind=Kind.ATTACHMENT,
                    text="This is the lamp I thought of",
                    attachments=(Attachment(kind="image", url="https://pictures.example/lamp.jpg"),),
                ),
                (Image(text="What a light! Here is ours.", url="https://pictures.example/harbour.jpg"),),
            ),
            Asked(
                Heard(kind=Kind.LOCATION, latitude=53.5436, longitude=9.9661),
                (Text(text="Then your verse of the day comes at eight, Hamburg time."),),
            ),
        ),
        has_read=True,
    ),
    Demo(
        "demo-olga",
        "telegram",
        Profile(first_name="Ольга", last_name="Смирнова", username="olga_s", language="ru"),
        (
            _asks("/start", Text(text="Здравствуйте! Что почитаем?", buttons=_rows(("Стих", "Избранное")))),
            _asks("Стих", Text(text="Маяк уснул,\nи чайки до утра\nделили берег.")),  # noqa: RUF001 - Russian
        ),
    ),
    Demo(
        "demo-tom",
        "telegram",
        Profile(first_name="Tom", username="tom_ashore", language="en"),
        (
            _asks("/start", Text(text="Hello! What would you like to read?", buttons=MENU)),
            _asks("Too many verses, goodbye"),
            Answered("I have switched the daily verse off for you.", refused=True),
        ),
    ),
    Demo(
        "demo-amir",
        "telegram",
        Profile(first_name="امیر", last_name="حسینی", username="amir_h", language="fa"),
        (
            _asks("/start", Text(text="Hello! What would you like to read?", buttons=MENU)),
            _asks("/favourites", breaks=True),
        ),
    ),
    Demo(
        "demo-jonas",
        "messenger",
        Profile(first_name="Jonas", last_name="Weber", language="de"),
        (
            _asks("Gibt es die Verse auch als Buch?", Text(text="Das weiß ich nicht. Aber Verse habe ich!")),
            Answered("Hallo Jonas, hier ist Olive. Ja, seit dem Frühling, in der Buchhandlung am Hafen."),
            _asks("Wunderbar, danke! Kann ich eines zurücklegen lassen?"),
        ),
        has_read=True,
    ),
    Demo(
        "demo-mara",
        "telegram",
        Profile(first_name="Mara", last_name="Vogel", username="mara_v", language="en"),
        (
            _asks("/start", Text(text="Hello, Mara! What would you like to read?", buttons=MENU)),
            _asks("A random verse", Text(text=VERSE, buttons=_rows(("Keep it", "Another")))),
            _asks("Do you have something about rain?", Text(text="I know only verses.", buttons=MENU)),
            _asks("Is there a person I could ask?", Text(text="I know only verses.", buttons=MENU)),
        ),
    ),
)


def fill_desk(operator: User) -> None:
    author = enlist_bots([BOT])[BOT]
    for demo in CONTACTS:
        for number, turn in enumerate(demo.turns):
            if isinstance(turn, Asked):
                _hear(demo, number, turn, author)
            else:
                _answer(demo, turn, operator)
            _send(demo, refuses=isinstance(turn, Answered) and turn.refused)
        if demo.has_read:
            _hear(demo, len(demo.turns), Asked(Heard(kind=Kind.READ, watermark=timezone.now())), author)
        if demo.banned:
            ban_contact(operator=operator, contact=_contact(demo).pk)


def _hear(demo: Demo, number: int, turn: Asked, author: User) -> None:
    store_inbounds(
        [
            Arrival(
                platform=demo.platform,
                account=BOT,
                external_id=f"{demo.person}-{number}",
                raw={},
                person=demo.person,
                happened_at=timezone.now(),
                heard=turn.heard,
                profile=demo.profile,
            )
        ]
    )
    for claimed in claim_inbounds(limit=1):
        if turn.breaks:
            park_inbound(claimed, error="The demo has broken it.", author=author, apology=SORRY)
        else:
            handle_inbound(claimed, author=author, respond=lambda situation: list(turn.answers))


def _answer(demo: Demo, turn: Answered, operator: User) -> None:
    contact = _contact(demo)
    take_contact(operator=operator, contact=contact.pk)
    post_message(user=operator, chat=contact.chat.uri, text=turn.text)


def _send(demo: Demo, *, refuses: bool) -> None:
    """As if the platform had taken it all, or refused it."""
    while owed := claim_deliveries(
        platform=demo.platform, account=BOT, limit=50, per_second=1000, chat_interval_s=0, chat_burst=1
    ):
        for each in owed:
            if refuses:
                reason = "The contact has blocked the bot."
                record_refused(each, code="403", reason=reason, unreachable=True)
            else:
                record_sent(each, external_ids=[f"demo-{each.delivery.pk}"])


def _contact(demo: Demo) -> Contact:
    found = Contact.objects.select_related("chat")
    return found.get(platform=demo.platform, account=BOT, external_id=demo.person)
