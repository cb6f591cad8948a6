"""The words out: one frozen class per event of a chat's log, and the shapes they carry. No Django.

An event is kept in its *stored form*, in which a person stands as `{"user_id": n}` (a contact as `{"contact_id": n}`),
and goes out in its *wire form*, in which that person is a `Person` as they are now: so anonymising an account reaches
every event it is in.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from messaging.content import AnyContent


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[
    datetime,
    PlainSerializer(_iso, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""A point in time; on the wire in UTC with milliseconds: `2026-01-31T12:00:00.000Z`."""


class Shape(BaseModel):
    """Whatever we send: its fields are exactly these."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_serialization_defaults_required=True)


class Person(Shape):
    """A user as others see them; `email` is filled in only for oneself. A contact's `id` is negative: it is no user's."""

    id: int
    username: str
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    is_bot: bool = False
    is_contact: bool = False
    deleted: bool = False


DeliveryState = Literal["waiting", "sent", "delivered", "read", "failed", "skipped"]
"""How far a message has come on its way to a contact. Skipped: the platform's rules forbid it at the time."""


class Message(Shape):
    """A message as it stands. Deleted: `text` is empty and `deleted_at` says when. `extras`: what it shows beside its
    text, or in its place. `delivery` is there for what goes to a contact on a platform.
    """

    id: int
    number: int
    seq: int
    author: Person
    text: str
    extras: AnyContent | None = None
    created_at: Moment
    edited_at: Moment | None = None
    deleted_at: Moment | None = None
    deleted_by: int | None = None
    client_id: str | None = None
    delivery: DeliveryState | None = None


class Contact(Shape):
    """A person on a bot platform, as operators see them. `taken_by`: the operator who answers instead of the bot."""

    id: int
    platform: str
    account: str
    name: str
    username: str
    picture_url: str
    language: str
    banned: bool
    unreachable: bool
    taken_by: Person | None
    linked_to: Person | None


class Position(Shape):
    """Where a client stands in a stream: subscribe with it to miss nothing that came after."""

    epoch: str
    seq: int


class Event(Shape):
    """What all events have. `seq` counts the chat's events without holes; `ends` are the users who may not see what
    comes after.
    """

    chat: str
    seq: int
    at: Moment
    ends: list[int] = Field(default_factory=list)

    def stored(self) -> dict[str, Any]:
        """The fields that only this kind of event has, people as references."""
        fields = self.model_dump(mode="json")
        return {
            name: value
            for name, value in _lean(self, fields, refer=True).items()
            if name not in _COMMON_FIELDS
        }

    def encoded(self) -> bytes:
        """The wire form as JSON."""
        return orjson.dumps(_lean(self, self.model_dump(mode="json")))


_COMMON_FIELDS = {"type", *Event.model_fields}


class MessagePosted(Event):
    type: Literal["message.posted"] = "message.posted"
    message: Message


class MessageEdited(Event):
    type: Literal["message.edited"] = "message.edited"
    message_id: int
    number: int
    text: str
    extras: AnyContent | None = None
    edited_at: Moment


class MessageDeleted(Event):
    type: Literal["message.deleted"] = "message.deleted"
    message_id: int
    number: int
    deleted_at: Moment
    deleted_by: int


class MemberJoined(Event):
    """Somebody came in: by the link (`by` is themselves), invited by `by`, or as one of a thread's two."""

    type: Literal["member.joined"] = "member.joined"
    user: Person
    role: Literal["owner", "member"]
    by: int


class MemberLeft(Event):
    type: Literal["member.left"] = "member.left"
    user: Person


class MemberRemoved(Event):
    type: Literal["member.removed"] = "member.removed"
    user: Person
    by: int


class MemberPromoted(Event):
    """The owner left; the longest-standing member owns the room now."""

    type: Literal["member.promoted"] = "member.promoted"
    user: Person


class ChatChanged(Event):
    type: Literal["chat.changed"] = "chat.changed"
    name: str
    link_open: bool
    by: int


class ChatClosed(Event):
    type: Literal["chat.closed"] = "chat.closed"
    by: int
    closed_at: Moment


class DeliveryChanged(Event):
    """These messages have come to this `state` on their way to the contact."""

    type: Literal["delivery.changed"] = "delivery.changed"
    numbers: list[int]
    state: DeliveryState
    reason: str = ""


class ContactChanged(Event):
    """The contact of this chat as they are now: taken or handed back, banned, unreachable, renamed, linked …"""

    type: Literal["contact.changed"] = "contact.changed"
    contact: Contact


AnyEvent = Annotated[
    MessagePosted
    | MessageEdited
    | MessageDeleted
    | MemberJoined
    | MemberLeft
    | MemberRemoved
    | MemberPromoted
    | ChatChanged
    | ChatClosed
    | DeliveryChanged
    | ContactChanged,
    Field(discriminator="type"),
]


_ANY_EVENT: TypeAdapter[Event] = TypeAdapter(AnyEvent)


class TypingDoorbell(Shape):
    """Somebody is writing. Losable, unnumbered; forget it after a few seconds."""

    type: Literal["typing"] = "typing"
    chat: str
    user_id: int
    username: str


class ReadDoorbell(Shape):
    """How far members have read, by user id; only rises. At most one a second per chat."""

    type: Literal["read"] = "read"
    chat: str
    marks: dict[int, int]


class ChatsDoorbell(Shape):
    """On `user.<id>`: the list of chats changed; read it again at `/api/chats/`."""

    type: Literal["chats.changed"] = "chats.changed"
    list_version: int


class DeskDoorbell(Shape):
    """On `desk`: something happened in this contact's chat; the list of them is at `/api/desk/chats/`."""

    type: Literal["desk.changed"] = "desk.changed"
    chat: str


AnyDoorbell = Annotated[
    TypingDoorbell | ReadDoorbell | ChatsDoorbell | DeskDoorbell, Field(discriminator="type")
]


Reference = tuple[Literal["user_id", "contact_id"], int]
"""Whom a stored form means."""


def wire_form(
    *,
    type: str,  # noqa: A002 - its name on the wire
    chat: str,
    seq: int,
    at: datetime,
    ends: list[int],
    stored: Mapping[str, Any],
    people: Mapping[Reference, Person],
) -> dict[str, Any]:
    """An event as clients get it, of any type, known to this version or not."""
    return {
        "type": type,
        "chat": chat,
        "seq": seq,
        "at": _iso(at),
        **({"ends": ends} if ends else {}),
        **{name: _resolve(value, people) for name, value in stored.items()},
    }


def encode(wire: Mapping[str, Any]) -> bytes:
    return orjson.dumps(wire)


def complete(encoded: bytes) -> bytes:
    """A wire form with all its fields; one of a type that this version does not know stays as it is."""
    try:
        event: Event = _ANY_EVENT.validate_json(encoded)
    except ValidationError:
        return encoded
    return event.model_dump_json().encode()


def people_in(stored: Any) -> Iterator[Reference]:
    """All people that a stored form refers to."""
    if isinstance(stored, Mapping):
        if (reference := _reference(stored)) is not None:
            yield reference
        else:
            for value in stored.values():
                yield from people_in(value)


def _reference(value: Mapping[str, Any]) -> Reference | None:
    if len(value) == 1:
        if "user_id" in value:
            return "user_id", value["user_id"]
        if "contact_id" in value:
            return "contact_id", value["contact_id"]
    return None


def _lean(value: Any, dumped: Any, *, refer: bool = False) -> Any:
    """What `dumped`, which is `value` as JSON, is without its defaults; `refer`: with references for people."""
    if refer and isinstance(value, Person):
        return {"contact_id": -value.id} if value.is_contact else {"user_id": value.id}
    if not isinstance(value, Event | Message | Person | Contact):
        return dumped
    defaults = defaults_of(type(value))
    return {
        name: _lean(getattr(value, name), inner, refer=refer)
        for name, inner in dumped.items()
        if name == "type" or name not in defaults or inner != defaults[name]
    }


@cache
def defaults_of(shape: type[Shape]) -> dict[str, Any]:
    """What its fields are when they are left out."""
    return {
        name: field.get_default(call_default_factory=True)
        for name, field in shape.model_fields.items()
        if not field.is_required()
    }


def _resolve(value: Any, people: Mapping[Reference, Person]) -> Any:
    if not isinstance(value, Mapping):
        return value
    if (reference := _reference(value)) is not None:
        person = people[reference]
        return _lean(person, person.model_dump())
    return {name: _resolve(inner, people) for name, inner in value.items()}
