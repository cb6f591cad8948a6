"""What came from a contact, normalised: the same words whatever the platform. No Django."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from messaging.events import Moment


class Kind(StrEnum):
    """What happened. The first group is for bots to answer; the second for us to note."""

    COMMAND = "command"  # `command` without its slash, lower case; `argument` is the rest
    TEXT = "text"
    BUTTON = "button"  # `press`, on the message `about`
    QUICK_REPLY = "quick_reply"  # `press`, and the title as `text`
    ATTACHMENT = "attachment"  # `attachments`, with `text` as caption
    LOCATION = "location"  # `latitude`, `longitude`
    REFERRAL = "referral"  # `argument`: came by a link with this payload, without saying anything
    OPT_IN = "opt_in"  # `argument`
    REACTION = "reaction"  # `text`: the emoji, empty if taken back; on the message `about`
    STANDBY = "standby"  # `text`: said while another app has the thread

    EDITED = "edited"  # `text`: what the contact's message `about` says now
    ECHO = (
        "echo"  # `text`: sent in our name; `is_ours`: by us, else by another app or by hand at the platform
    )
    DELIVERED = "delivered"  # everything sent up to `watermark`
    READ = "read"
    REACHABLE = "reachable"  # the contact unblocked the bot
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"  # understood, and nothing to do: a pinned message, a poll …


ANSWERABLE = frozenset(
    {
        Kind.COMMAND,
        Kind.TEXT,
        Kind.BUTTON,
        Kind.QUICK_REPLY,
        Kind.ATTACHMENT,
        Kind.LOCATION,
        Kind.REFERRAL,
        Kind.OPT_IN,
        Kind.REACTION,
        Kind.STANDBY,
    }
)


class Piece(BaseModel):
    """Kept as JSON, and read by versions after this one."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Attachment(Piece):
    """`kind`: image, video, audio, file, sticker …; `file_id` can be sent back to the same platform account."""

    kind: str
    url: str = ""
    file_id: str = ""
    name: str = ""
    size: int | None = None


class Heard(Piece):
    """One thing that a contact did. Which fields are filled in depends on the kind; see there."""

    kind: Kind
    text: str = ""
    command: str = ""
    argument: str = ""
    press: str = ""
    attachments: tuple[Attachment, ...] = ()
    latitude: float | None = None
    longitude: float | None = None
    watermark: Moment | None = None
    message_id: str = ""
    """The platform's id of this very message, if it is one."""
    about: str = ""
    """The platform's id of the message that it concerns: pressed, reacted to, answered, edited."""
    editable: bool = False
    """Whether the platform can put other words in the place of the message `about`."""
    is_ours: bool = False
    acknowledge: str = ""
    """What the platform wants back so that a pressed button stops spinning (Telegram: the callback query's id)."""


class Profile(Piece):
    """What a platform says of a person; empty: it did not say."""

    first_name: str = ""
    last_name: str = ""
    username: str = ""
    language: str = ""
    """Two letters and what follows them, as the platform has it: `en`, `pt-br`."""
    time_zone: str = ""
    picture_url: str = ""


@dataclass(frozen=True)
class Arrival:
    """One event as it came, ready to be stored. `external_id` names it for ever, within its account; `person` is who
    it is about (empty: nobody). `heard` is None when its shape is unknown: it is parked, with `error` saying why.
    """

    platform: str
    account: str
    external_id: str
    raw: dict[str, Any]
    person: str = ""
    happened_at: datetime | None = None
    heard: Heard | None = None
    profile: Profile = field(default_factory=Profile)
    error: str = ""


def said(text: str, **fields: Any) -> Heard:
    """Words that somebody typed: a command if they begin with a slash. `/start@verses_bot` is `start`."""
    word, *argument = text.split(maxsplit=1) or [""]
    command = word[1:].partition("@")[0].lower()
    if word.startswith("/") and command:
        return Heard(
            kind=Kind.COMMAND, text=text, command=command, argument="".join(argument).strip(), **fields
        )
    return Heard(kind=Kind.TEXT, text=text, **fields)


def pressed(
    press: str, *, kind: Kind = Kind.BUTTON, title: str = "", argument: str = "", **fields: Any
) -> Heard:
    """A button or a suggested answer, by its id; one that begins with a slash is that command, as in a menu."""
    if press.startswith("/"):
        command = said(press)
        if command.kind == Kind.COMMAND:
            return Heard(
                kind=Kind.COMMAND,
                text=title or press,
                command=command.command,
                argument=command.argument or argument,
                press=press,
                **fields,
            )
    return Heard(kind=kind, text=title, press=press, argument=argument, **fields)
