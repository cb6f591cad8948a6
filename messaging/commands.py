"""The words in: one class per thing a client may ask, for REST bodies and socket calls alike. No Django."""

from typing import Annotated, ClassVar

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

FEED_URI = "feed"
DESK = "desk"
MAX_PRESS_BYTES = 64
MAX_TEXT_LENGTH = 8000
MAX_CLIENT_ID_LENGTH = 100


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain NUL characters")
    return text


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def _whole(number: object) -> object:
    """In JSON 1.0 is as much an integer as 1 is."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


Line = Annotated[str, AfterValidator(_storable)]
Uri = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="The chat's uri; the feed's is `feed`.")
]
Username = Annotated[Line, Field(min_length=1, max_length=150)]
Text = Annotated[
    Line,
    AfterValidator(_said),
    Field(
        min_length=1,
        max_length=MAX_TEXT_LENGTH,
        description="What is said.",
        json_schema_extra={"pattern": r"\S"},
    ),
]
ClientId = Annotated[
    Line,
    Field(
        min_length=1,
        max_length=MAX_CLIENT_ID_LENGTH,
        description="The idempotency key: a repeat with the same key gets the first answer and posts nothing.",
    ),
]
Number = Annotated[int, Field(ge=0, le=2**53 - 1), BeforeValidator(_whole)]
DeviceName = Annotated[Line, Field(max_length=100)]
ChatName = Annotated[Line, Field(max_length=100)]
PersonName = Annotated[Line, Field(max_length=150)]
Password = Annotated[Line, Field(min_length=1, max_length=1000)]
Email = Annotated[Line, Field(max_length=254)]


TermsVersion = Annotated[int, Field(ge=0, le=2**31 - 1, description="As `/api/terms/` has it.")]


class Command(BaseModel):
    """What all commands have: exactly their fields, nothing else. `method` is the name of the socket's call, of those
    that it takes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    method: ClassVar[str] = ""


class PostMessage(Command):
    method: ClassVar = "message.post"
    chat: Uri
    text: Text = Field(validation_alias=AliasChoices("text", "message"))
    client_id: ClientId | None = None


class EditMessage(Command):
    method: ClassVar = "message.edit"
    chat: Uri
    number: Number
    text: Text


class DeleteMessage(Command):
    method: ClassVar = "message.delete"
    chat: Uri
    number: Number


class PressButton(Command):
    """Presses a button of a bot's message in one's thread with it; `press` is what the button says it sends."""

    method: ClassVar = "message.press"
    chat: Uri
    number: Number
    press: Annotated[Line, Field(min_length=1, max_length=MAX_PRESS_BYTES)]
    client_id: ClientId | None = None


class MarkRead(Command):
    """Everything up to and including `number` has been read."""

    method: ClassVar = "chat.read"
    chat: Uri
    number: Number


class AnnounceTyping(Command):
    method: ClassVar = "chat.typing"
    chat: Uri


class CreateRoom(Command):
    method: ClassVar = "room.create"
    name: ChatName = ""
    link_open: bool = True
    history_open: bool = True
    client_id: ClientId | None = None


class AddMember(Command):
    """Join a room by its link (one's own username, or none), or invite another person."""

    method: ClassVar = "room.join"
    chat: Uri
    username: Username | None = None


class LeaveRoom(Command):
    method: ClassVar = "room.leave"
    chat: Uri


class RemoveMember(Command):
    method: ClassVar = "room.remove"
    chat: Uri
    username: Username


class ChangeRoom(Command):
    method: ClassVar = "room.change"
    chat: Uri
    name: ChatName | None = None
    link_open: bool | None = None


class OpenThread(Command):
    method: ClassVar = "thread.open"
    username: Username


class CloseThread(Command):
    method: ClassVar = "thread.close"
    chat: Uri


class LinkContact(Command):
    """Makes the contact to whom a bot gave this code oneself."""

    code: Annotated[Line, Field(min_length=1, max_length=100)]


class WhoAmI(Command):
    """Oneself, and the thread that one is in."""

    method: ClassVar = "me"


class CreateTicket(Command):
    """A ticket that opens one live connection; it stands for the credentials of this request."""


class SignUp(Command):
    """A new account. An address that is given can be used to log in, and to have the password reset.

    Whoever signs up accepts the terms and the privacy text: in the versions that they were shown, or those in force.
    """

    username: Username
    password: Password
    email: Email = ""
    first_name: PersonName = ""
    last_name: PersonName = ""
    invitation: Annotated[
        str, Field(max_length=200, description="Of the link, where one is needed to sign up.")
    ] = ""
    terms_version: TermsVersion | None = None
    privacy_version: TermsVersion | None = None


class AcceptTerms(Command):
    """The versions of the texts that one was shown."""

    terms_version: TermsVersion
    privacy_version: TermsVersion


class LogIn(Command):
    """A token for one device; `name` tells it from one's others."""

    username: Annotated[Line, Field(min_length=1, max_length=254, description="Or the e-mail address.")] = (
        Field(validation_alias=AliasChoices("username", "email"))
    )
    password: Password
    name: DeviceName = ""
    code: Annotated[
        str, Field(max_length=20, description="Of the second factor, if the account has one.")
    ] = ""


class OfferSecondFactor(Command):
    """A new key for one's phone; an open page or a token alone must not lock its owner out."""

    current_password: Password


class ProveSecondFactor(Command):
    """A code that the phone shows now, or one of the recovery codes."""

    code: Annotated[Line, Field(min_length=1, max_length=20)]


class ChangeProfile(Command):
    """What is left out stays. A new address needs the password: it can be used to have that reset."""

    email: Email | None = None
    first_name: PersonName | None = None
    last_name: PersonName | None = None
    current_password: Password | None = None


class SetUsername(Command):
    new_username: Username
    current_password: Password


class SetPassword(Command):
    """A new password; all other devices are signed out."""

    new_password: Password
    current_password: Password


class ResetPassword(Command):
    """Has a link mailed by which whoever reads that address can choose a new password."""

    email: Annotated[Email, Field(min_length=1)]


class ConfirmPasswordReset(Command):
    """`uid` and `token` are from the mailed link."""

    uid: Annotated[Line, Field(min_length=1, max_length=100)]
    token: Annotated[Line, Field(min_length=1, max_length=200)]
    new_password: Password


class DeleteAccount(Command):
    """For good: what one has said stays, by "deleted user"."""

    current_password: Password


class SuspendUser(Command):
    username: Username


class ReinstateUser(Command):
    username: Username


COMMANDS: dict[str, type[Command]] = {
    command.method: command
    for command in (
        PostMessage,
        EditMessage,
        DeleteMessage,
        PressButton,
        MarkRead,
        AnnounceTyping,
        CreateRoom,
        AddMember,
        LeaveRoom,
        RemoveMember,
        ChangeRoom,
        OpenThread,
        CloseThread,
        WhoAmI,
    )
}
