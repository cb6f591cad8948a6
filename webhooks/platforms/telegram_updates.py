"""What Telegram's updates mean. https://core.telegram.org/bots/api#update"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from messaging.heard import Arrival, Attachment, Heard, Kind, Profile, pressed, said
from webhooks.platforms.raw import kept, moment, name_of, understood, why_not

ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "my_chat_member", "message_reaction")
"""What we ask for; whatever else comes is parked."""

# Telegram has buttons only; one that is a suggested answer says so by the first character of its data.
QUICK = ">"

MAX_ID = 2**52
Id = Annotated[int, Field(strict=True, ge=-MAX_ID, le=MAX_ID)]


class _Part(BaseModel):
    """What Telegram sends, as far as it is used."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class User(_Part):
    id: Id
    first_name: str = ""
    last_name: str = ""
    username: str = ""
    language_code: str = ""


class _Chat(_Part):
    id: Id
    type: str


class _File(_Part):
    file_id: str
    file_name: str = ""
    file_size: int | None = None


class _Location(_Part):
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class _Contact(_Part):
    phone_number: str
    first_name: str


class _Reply(_Part):
    message_id: Id


class _Message(_Part):
    message_id: Id
    date: int = 0
    chat: _Chat
    sender: User | None = Field(default=None, alias="from")
    text: str | None = None
    caption: str = ""
    reply_to_message: _Reply | None = None
    location: _Location | None = None
    contact: _Contact | None = None
    photo: list[_File] = Field(default_factory=list)
    animation: _File | None = None
    audio: _File | None = None
    document: _File | None = None
    sticker: _File | None = None
    video: _File | None = None
    video_note: _File | None = None
    voice: _File | None = None


class _Pressed(_Part):
    """A callback query. Its message has the date 0 if it can no longer be changed."""

    id: str = Field(max_length=100)
    sender: User = Field(alias="from")
    message: _Message | None = None
    data: str | None = None


class _Standing(_Part):
    status: str


class _Membership(_Part):
    chat: _Chat
    sender: User = Field(alias="from")
    date: int = 0
    new_chat_member: _Standing


class _Emoji(_Part):
    type: str
    emoji: str = ""


class _Reaction(_Part):
    chat: _Chat
    message_id: Id
    user: User | None = None
    date: int = 0
    new_reaction: list[_Emoji]


class _Update(_Part):
    update_id: Annotated[int, Field(strict=True, ge=0, le=MAX_ID)]
    message: _Message | None = None
    edited_message: _Message | None = None
    callback_query: _Pressed | None = None
    my_chat_member: _Membership | None = None
    message_reaction: _Reaction | None = None


@dataclass(frozen=True)
class _Event:
    """What an update says: whom it is about, and when; `heard` is None if it is not for us."""

    heard: Heard | None = None
    user: User | None = None
    date: int = 0
    error: str = ""


_NOT_PRIVATE = _Event(error="It is from a group or a channel; the bot speaks with people one by one.")
# An animation comes as a document too, so it is looked for first.
_FILES = ("animation", "audio", "document", "sticker", "video", "video_note", "voice")
_ATTACHMENT_KINDS = {"animation": "video", "video_note": "video", "voice": "audio", "document": "file"}


def _event_of(update: _Update) -> _Event:
    if update.message is not None:
        return _of_message(update.message)
    if (edited := update.edited_message) is not None:
        if edited.chat.type != "private":
            return _NOT_PRIVATE
        words = edited.text if edited.text is not None else edited.caption
        return _Event(
            Heard(kind=Kind.EDITED, text=words, about=str(edited.message_id)), edited.sender, edited.date
        )
    if update.callback_query is not None:
        return _of_press(update.callback_query)
    if (membership := update.my_chat_member) is not None:
        if membership.chat.type != "private":
            return _NOT_PRIVATE
        has_blocked = membership.new_chat_member.status in {"kicked", "left"}
        kind = Kind.UNREACHABLE if has_blocked else Kind.REACHABLE
        return _Event(Heard(kind=kind), membership.sender, membership.date)
    if (reaction := update.message_reaction) is not None:
        if reaction.chat.type != "private":
            return _NOT_PRIVATE
        emoji = "".join(each.emoji for each in reaction.new_reaction)
        heard = Heard(kind=Kind.REACTION, text=emoji, about=str(reaction.message_id))
        return _Event(heard, reaction.user, reaction.date)
    return _Event(error="It is of a kind that nothing here asks for.")


def _of_message(message: _Message) -> _Event:
    if message.chat.type != "private":
        return _NOT_PRIVATE
    ids: dict[str, Any] = {"message_id": str(message.message_id)}
    if message.reply_to_message is not None:
        ids["about"] = str(message.reply_to_message.message_id)
    if message.text is not None:
        heard = said(message.text, **ids)
    elif message.location is not None:
        place = message.location
        heard = Heard(kind=Kind.LOCATION, latitude=place.latitude, longitude=place.longitude, **ids)
    elif attachments := _attachments_of(message):
        heard = Heard(kind=Kind.ATTACHMENT, attachments=attachments, text=message.caption, **ids)
    else:  # a pinned message, a poll, a dice …
        heard = Heard(kind=Kind.UNKNOWN, **ids)
    return _Event(heard, message.sender, message.date)


def _attachments_of(message: _Message) -> tuple[Attachment, ...]:
    if message.photo:  # the same in several sizes, the largest last
        largest = message.photo[-1]
        return (Attachment(kind="image", file_id=largest.file_id, size=largest.file_size),)
    if message.contact is not None:
        name = f"{message.contact.first_name} {message.contact.phone_number}"
        return (Attachment(kind="contact", name=name),)
    for kind in _FILES:
        file: _File | None = getattr(message, kind)
        if file is not None:
            kind = _ATTACHMENT_KINDS.get(kind, kind)  # noqa: PLW2901 - ours for theirs
            return (Attachment(kind=kind, file_id=file.file_id, name=file.file_name, size=file.file_size),)
    return ()


def _of_press(query: _Pressed) -> _Event:
    message = query.message
    if message is not None and message.chat.type != "private":
        return _NOT_PRIVATE
    if query.data is None:
        return _Event(Heard(kind=Kind.UNKNOWN, acknowledge=query.id), query.sender)
    about: dict[str, Any] = {"about": str(message.message_id)} if message is not None else {}
    acknowledge = query.id
    if query.data.startswith(QUICK):
        if message is not None:  # its suggestions go with the answer
            acknowledge = f"{query.id} {message.chat.id} {message.message_id}"
        heard = pressed(query.data[1:], kind=Kind.QUICK_REPLY, acknowledge=acknowledge, **about)
    else:
        is_editable = message is not None and message.date != 0
        heard = pressed(query.data, editable=is_editable, acknowledge=acknowledge, **about)
    return _Event(heard, query.sender)


def arrival_of(platform: str, account: str, body: Mapping[str, Any]) -> Arrival:
    """The one event of an update."""
    raw = kept(body)
    try:
        update = understood(_Update, body)
    except ValidationError as error:
        update_id = body.get("update_id")
        is_named = type(update_id) is int and 0 <= update_id <= MAX_ID
        name = str(update_id) if is_named else name_of(body)
        return Arrival(platform, account, name, raw, error=why_not(error))
    event = _event_of(update)
    return Arrival(
        platform,
        account,
        str(update.update_id),
        raw,
        person=str(event.user.id) if event.user is not None else "",
        happened_at=moment(event.date),
        heard=event.heard,
        profile=profile_of(event.user) if event.user is not None else Profile(),
        error=event.error,
    )


def profile_of(user: User) -> Profile:
    return Profile(
        first_name=user.first_name,
        last_name=user.last_name,
        username=user.username,
        language=user.language_code.lower(),
    )
