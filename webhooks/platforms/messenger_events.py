"""What Messenger's events mean. https://developers.facebook.com/docs/messenger-platform/reference/webhook-events"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from messaging.heard import Arrival, Attachment, Heard, Kind, pressed, said
from webhooks.platforms.raw import kept, moment, name_of, understood, why_not

# A button that had to be shown as a suggested answer says so by how its payload begins, and so does a real one.
AS_BUTTON, AS_REPLY = "button:", "reply:"
# What we send is marked by this, so that its echo is known: a long text comes back in parts, a file without its words.
OURS = "parley"

PersonId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\S+$")]
MessageId = Annotated[str, Field(min_length=1, max_length=190)]


class _Part(BaseModel):
    """What Messenger sends, as far as it is used."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Party(_Part):
    id: PersonId


class _Coordinates(_Part):
    latitude: float = Field(alias="lat", ge=-90, le=90)
    longitude: float = Field(alias="long", ge=-180, le=180)


class _Payload(_Part):
    url: str = ""
    title: str = ""
    coordinates: _Coordinates | None = None


class _Attachment(_Part):
    type: str
    payload: _Payload | None = None


class _Referral(_Part):
    ref: str = ""


class _Reply(_Part):
    mid: str = ""


class _Quick(_Part):
    payload: str


class _Message(_Part):
    mid: MessageId
    text: str = ""
    is_echo: bool = False
    app_id: int | None = None
    metadata: str = ""
    quick_reply: _Quick | None = None
    reply_to: _Reply | None = None
    referral: _Referral | None = None
    attachments: list[_Attachment] = Field(default_factory=list)


class _Postback(_Part):
    mid: str = Field(default="", max_length=190)
    title: str = ""
    payload: str = ""
    referral: _Referral | None = None


class _Watermark(_Part):
    watermark: int


class _OptIn(_Part):
    type: str = ""
    ref: str = ""
    payload: str = ""


class _Reaction(_Part):
    mid: str
    action: str
    emoji: str = ""
    reaction: str = ""


class _Edit(_Part):
    mid: MessageId
    text: str = ""
    num_edit: int = 0


class _Event(_Part):
    sender: _Party
    recipient: _Party
    timestamp: int = 0
    message: _Message | None = None
    postback: _Postback | None = None
    delivery: _Watermark | None = None
    read: _Watermark | None = None
    optin: _OptIn | None = None
    referral: _Referral | None = None
    reaction: _Reaction | None = None
    message_edit: _Edit | None = None


# Of no consequence for a bot: who has the thread, which account somebody has linked there.
_NOTED = frozenset(
    {
        "account_linking",
        "app_roles",
        "message_context",
        "pass_thread_control",
        "policy_enforcement",
        "request_thread_control",
        "take_thread_control",
    }
)


@dataclass(frozen=True)
class _Meaning:
    """`name` is the event's own, if it has one; `person`: whose chat it belongs to."""

    person: str = ""
    heard: Heard | None = None
    name: str = ""
    facts: tuple[object, ...] = field(default=())
    """What tells it from others where it has no name."""
    error: str = ""


def arrivals_of(platform: str, account: str, page_id: str, body: Mapping[str, Any]) -> list[Arrival]:
    """All events of a call. One that is not understood costs the others nothing."""
    entries = body.get("entry")
    if not isinstance(entries, list):
        return [_unknown(platform, account, dict(body), "It has no list of entries.")]
    return [arrival for entry in entries for arrival in _of_entry(platform, account, page_id, entry)]


def _of_entry(platform: str, account: str, page_id: str, entry: Any) -> Iterator[Arrival]:
    known = isinstance(entry, dict) and any(
        isinstance(entry.get(key), list) for key in ("messaging", "standby", "changes")
    )
    if not known:
        yield _unknown(platform, account, entry, "An entry without events.")
        return
    if page_id and str(entry.get("id", "")) != page_id:
        yield _unknown(platform, account, entry, "It is about another page than this endpoint's.")
        return
    for key in ("messaging", "standby"):
        events = entry.get(key)
        for event in events if isinstance(events, list) else ():
            yield _of_event(platform, account, event, on_standby=key == "standby")
    changes = entry.get("changes")
    for change in changes if isinstance(changes, list) else ():
        yield _unknown(platform, account, change, "A change of the page, not something said.")


def _of_event(platform: str, account: str, raw: Any, *, on_standby: bool) -> Arrival:
    try:
        event = understood(_Event, raw)
    except ValidationError as error:
        return _unknown(platform, account, raw, why_not(error))
    meaning = _meaning_of(event, raw, on_standby)
    if not meaning.name and not meaning.facts:
        return _unknown(platform, account, raw, meaning.error)
    return Arrival(
        platform,
        account,
        meaning.name or _hashed(event.sender.id, event.timestamp, *meaning.facts),
        kept(raw),
        person=meaning.person,
        happened_at=moment(event.timestamp / 1000),
        heard=meaning.heard,
        error=meaning.error,
    )


def _hashed(*facts: object) -> str:
    return hashlib.sha256("\0".join(map(str, facts)).encode()).hexdigest()


def _unknown(platform: str, account: str, raw: Any, why: str) -> Arrival:
    return Arrival(platform, account, name_of(raw), kept(raw), error=why)


def _meaning_of(event: _Event, raw: Mapping[str, Any], on_standby: bool) -> _Meaning:
    person = event.sender.id
    if event.message is not None or event.message_edit is not None or event.postback is not None:
        return _of_words(event, on_standby)
    if event.delivery is not None:
        return _watermark(person, Kind.DELIVERED, event.delivery.watermark)
    if event.read is not None:
        return _watermark(person, Kind.READ, event.read.watermark)
    if event.reaction is not None:
        reaction = event.reaction
        text = "" if reaction.action == "unreact" else reaction.emoji or reaction.reaction
        heard = Heard(kind=Kind.REACTION, text=text, about=reaction.mid)
        return _Meaning(person, heard, facts=("reaction", reaction.mid, text))
    if event.optin is not None:
        heard = Heard(kind=Kind.OPT_IN, argument=event.optin.ref or event.optin.payload)
        return _Meaning(person, heard, facts=("optin", event.optin.type, heard.argument))
    if event.referral is not None:
        heard = Heard(kind=Kind.REFERRAL, argument=event.referral.ref)
        return _Meaning(person, heard, facts=("referral", event.referral.ref))
    noted = tuple(sorted(_NOTED & raw.keys()))
    return _Meaning(
        error=f"Noted: {', '.join(noted)}." if noted else "It is of a kind that nothing here knows."
    )


def _of_words(event: _Event, on_standby: bool) -> _Meaning:
    person = event.sender.id
    if (message := event.message) is not None:
        if message.is_echo:  # who speaks is the page, and the person hears
            is_ours = message.metadata == OURS
            heard = Heard(kind=Kind.ECHO, text=_shown(message), message_id=message.mid, is_ours=is_ours)
            return _Meaning(event.recipient.id, heard, name=message.mid)
        return _Meaning(person, _of_message(message, on_standby), name=message.mid)
    if (edit := event.message_edit) is not None:
        heard = Heard(kind=Kind.EDITED, text=edit.text, about=edit.mid)
        return _Meaning(person, heard, name=f"{edit.mid}#{edit.num_edit}")
    back = event.postback or _Postback()
    if on_standby:
        heard = Heard(kind=Kind.STANDBY, text=back.title, message_id=back.mid)
    else:
        ref = back.referral.ref if back.referral is not None else ""
        heard = pressed(back.payload, title=back.title, argument=ref, message_id=back.mid)
    return _Meaning(person, heard, name=back.mid, facts=("postback", back.payload))


def _watermark(person: str, kind: Kind, milliseconds: int) -> _Meaning:
    watermark = moment(milliseconds / 1000)
    if watermark is None:
        return _Meaning(error="Its watermark is no time.")
    return _Meaning(person, Heard(kind=kind, watermark=watermark), facts=(kind.value, milliseconds))


def _of_message(message: _Message, on_standby: bool) -> Heard:
    ids: dict[str, Any] = {"message_id": message.mid}
    if message.reply_to is not None:
        ids["about"] = message.reply_to.mid
    if on_standby:
        return Heard(kind=Kind.STANDBY, text=_shown(message), **ids)
    if message.quick_reply is not None:
        payload = message.quick_reply.payload
        if payload.startswith(AS_BUTTON):
            return pressed(payload.removeprefix(AS_BUTTON), title=message.text, **ids)
        press = payload.removeprefix(AS_REPLY)
        return pressed(press, kind=Kind.QUICK_REPLY, title=message.text, **ids)
    for attachment in message.attachments:
        place = attachment.payload.coordinates if attachment.payload is not None else None
        if attachment.type == "location" and place is not None:
            return Heard(
                kind=Kind.LOCATION,
                latitude=place.latitude,
                longitude=place.longitude,
                text=message.text,
                **ids,
            )
    # A link that somebody sends comes as their words, with a preview for an attachment.
    files = tuple(_attachment(each) for each in message.attachments if each.type != "fallback")
    if files:
        return Heard(kind=Kind.ATTACHMENT, attachments=files, text=message.text, **ids)
    heard = said(message.text, **ids)
    if heard.kind == Kind.TEXT and message.referral is not None and message.referral.ref:
        return heard.model_copy(update={"argument": message.referral.ref})
    return heard


def _attachment(attachment: _Attachment) -> Attachment:
    payload = attachment.payload or _Payload()
    return Attachment(kind=attachment.type, url=payload.url, name=payload.title)


def _shown(message: _Message) -> str:
    return message.text or " ".join(f"[{each.type}]" for each in message.attachments)
