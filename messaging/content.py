"""What a bot or an operator sends to a contact, apart from any platform. No Django.

Every content has a `text`: what somebody reads who sees nothing else, so what a message is in the log, in search and
for clients that know no more. The rest of it travels as the message's `extras`. Whatever the platforms' limits are,
their adapters split, shorten and regroup; what is refused here could not be shown anywhere.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    field_validator,
    model_validator,
)

MAX_TEXT_LENGTH = 8000
MAX_BUTTONS = 30
MAX_PRESS_BYTES = 64
MAX_QUICK_REPLIES = 13
MAX_CARDS = 10
MAX_DOCUMENT_LENGTH = 10_000_000

Title = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"\S")]
Said = Annotated[str, StringConstraints(max_length=MAX_TEXT_LENGTH)]
Url = Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://[^\s]+$")]


class Part(BaseModel):
    """Whatever we send: its fields are exactly these. The events carry contents, so this comes before them."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_serialization_defaults_required=True)


def _fitting_press(press: str) -> str:
    if not 1 <= len(press.encode()) <= MAX_PRESS_BYTES:
        raise ValueError(f"what a button presses has 1 to {MAX_PRESS_BYTES} bytes: send ids, not names")
    return press


class Button(Part):
    """Either `press`, an id that comes back as `heard.press`, or `url`, which opens in a browser."""

    title: Title
    press: str | None = None
    url: Url | None = None

    @field_validator("press")
    @classmethod
    def _press_fits(cls, press: str | None) -> str | None:
        return None if press is None else _fitting_press(press)

    @model_validator(mode="after")
    def _does_one_thing(self) -> "Button":
        if (self.press is None) == (self.url is None):
            raise ValueError("a button has either `press` or `url`")
        return self


Rows = Annotated[list[list[Button]], Field(max_length=MAX_BUTTONS)]


def _few_enough(rows: list[list[Button]]) -> list[list[Button]]:
    if sum(map(len, rows)) > MAX_BUTTONS:
        raise ValueError(f"a message has at most {MAX_BUTTONS} buttons")
    if not all(rows):
        raise ValueError("a row of buttons has at least one")
    return rows


class Text(Part):
    """Words, with rows of buttons below. `replace`: instead of the message whose button was pressed, in place where
    the platform can; elsewhere, and where no button was pressed, as a new message.
    """

    kind: Literal["text"] = "text"
    text: Annotated[Said, StringConstraints(pattern=r"\S")]
    buttons: Rows = Field(default_factory=list)
    replace: bool = Field(default=False, exclude=True)

    @field_validator("buttons")
    @classmethod
    def _not_too_many(cls, rows: list[list[Button]]) -> list[list[Button]]:
        return _few_enough(rows)


class QuickReply(Part):
    """A suggested answer, gone once one is chosen; comes back as kind `quick_reply` with this `press`."""

    title: Title
    press: str

    @field_validator("press")
    @classmethod
    def _press_fits(cls, press: str) -> str:
        return _fitting_press(press)


class QuickReplies(Part):
    kind: Literal["quick_replies"] = "quick_replies"
    text: Annotated[Said, StringConstraints(pattern=r"\S")]
    replies: Annotated[list[QuickReply], Field(min_length=1, max_length=MAX_QUICK_REPLIES)]


class Media(Part):
    """A picture or a document: by a public `url`, or by a `file_id` that this platform account gave us before."""

    text: Said = ""
    url: Url | None = None
    file_id: str | None = None

    @model_validator(mode="after")
    def _is_somewhere(self) -> "Media":
        if (self.url is None) == (self.file_id is None):
            raise ValueError("media has either `url` or `file_id`")
        return self


class Image(Media):
    kind: Literal["image"] = "image"


class File(Media):
    """`content` is for small documents made on the spot (an export): their text, sent as a file of that `name`. It is
    kept beside the message, which then says `kept`.
    """

    kind: Literal["file"] = "file"
    name: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^/\\\x00-\x1f]+$")] = (
        "file"
    )
    content: Annotated[str, StringConstraints(max_length=MAX_DOCUMENT_LENGTH)] | None = Field(
        default=None, exclude=True
    )
    kept: bool = False

    @model_validator(mode="after")
    def _is_somewhere(self) -> "File":
        places = (self.url is not None, self.file_id is not None, self.content is not None or self.kept)
        if sum(places) != 1:
            raise ValueError("a file has one of `url`, `file_id` and `content`")
        return self


class Card(Part):
    title: Title
    subtitle: Annotated[str, StringConstraints(max_length=80)] = ""
    image: Url | None = None
    buttons: Annotated[list[Button], Field(max_length=3)] = Field(default_factory=list)


class Cards(Part):
    """Cards side by side where the platform can, one below the other elsewhere."""

    kind: Literal["cards"] = "cards"
    text: Said = ""
    cards: Annotated[list[Card], Field(min_length=1, max_length=MAX_CARDS)]


class LocationRequest(Part):
    """Asks where the person is: by a button where the platform has one, in words elsewhere."""

    kind: Literal["location_request"] = "location_request"
    text: Annotated[Said, StringConstraints(pattern=r"\S")]
    title: Title = "Send my location"


class Typing(Part):
    """Shows that an answer is being written. Not a message: never logged, never retried."""

    kind: Literal["typing"] = "typing"


AnyContent = Annotated[
    Text | QuickReplies | Image | File | Cards | LocationRequest, Field(discriminator="kind")
]
"""What can be a message."""

_any_content: TypeAdapter[AnyContent] = TypeAdapter(AnyContent)


def content_of(text: str, extras: dict[str, Any] | None) -> AnyContent:
    """A message's content from what is kept of it."""
    return Text(text=text) if extras is None else _any_content.validate_python(extras)


def text_of(content: AnyContent) -> str:
    """The words of a content; for one without any, what it shows."""
    if content.text.strip():
        return content.text
    if isinstance(content, Cards):
        return "\n".join(f"{card.title} {card.subtitle}".strip() for card in content.cards)
    if isinstance(content, File):
        return content.name
    return f"[{content.kind}]"


def extras_of(content: AnyContent) -> dict[str, Any] | None:
    """What a message keeps beside its text; None for mere words."""
    if isinstance(content, Text) and not content.buttons:
        return None
    extras = content.model_dump(mode="json")
    return extras | {"kept": True} if document_of(content) is not None else extras


def document_of(content: AnyContent) -> str | None:
    """What is kept beside the message."""
    return content.content if isinstance(content, File) else None
