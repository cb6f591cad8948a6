"""What the Bot API takes and what it refuses, with its own words."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from webhooks.fakes.server import as_json

MAX_TEXT, MAX_CAPTION, MAX_DATA_BYTES = 4096, 1024, 64
TAGS = frozenset({"a", "b", "blockquote", "code", "del", "em", "i", "ins", "pre", "s", "span", "strong", "u"})


class Refused(Exception):
    """`ok: false`."""

    def __init__(self, status: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.reply = as_json(
            {
                "ok": False,
                "error_code": status,
                "description": description,
                **({"parameters": parameters} if parameters else {}),
            },
            status,
        )


def value_of(value: Any) -> Any:
    """A form's field may be JSON."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


class _Tags(HTMLParser):
    """Telegram's HTML: few tags, all closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        if self.open:
            raise _cannot_parse(f"Can't find end tag corresponding to start tag {self.open[-1]}")

    def handle_starttag(self, tag: str, attributes: object) -> None:
        if tag not in TAGS:
            raise _cannot_parse(f'Unsupported start tag "{tag}"')
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise _cannot_parse(f'Unmatched end tag "{tag}"')

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def _cannot_parse(why: str) -> Refused:
    return Refused(400, f"Bad Request: can't parse entities: {why}")


def words_of(params: dict[str, Any], field: str, longest: int) -> str:
    """What people read, after the entities."""
    text = params.get(field)
    text = text if isinstance(text, str) else json.dumps(text) if text is not None else ""
    if params.get("parse_mode") == "HTML":
        if re.search(r"<(?![a-zA-Z/])", text):
            raise _cannot_parse("Unsupported start tag")
        text = "".join(_Tags(text).words)
    if not text.strip():
        raise Refused(400, f"Bad Request: message {field} is empty")
    if len(text.encode("utf-16-le")) // 2 > longest:
        raise Refused(400, f"Bad Request: message {'is' if field == 'text' else 'caption is'} too long")
    return text


def rows_of(params: dict[str, Any]) -> list[list[dict[str, Any]]]:
    markup = params.get("reply_markup")
    rows = markup.get("inline_keyboard", []) if isinstance(markup, dict) else []
    for button in _buttons(rows):
        if not button.get("text"):
            raise Refused(400, "Bad Request: text buttons are unallowed in the inline keyboard")
        if "callback_data" in button and not 1 <= len(button["callback_data"].encode()) <= MAX_DATA_BYTES:
            raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
    return rows


def _buttons(rows: list[list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield from row
