"""Fits words into what platforms take, which they count in UTF-16."""

from collections.abc import Iterator

from messaging.content import AnyContent, Cards, Text

_ENDS = ("\n\n", "\n", ". ", " ")


def length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def parts_of(text: str, limit: int) -> list[str]:
    """The text in parts of at most `limit`, cut between paragraphs, else lines, else sentences, else words, if any of
    these ends in the last three quarters of a part.
    """
    return list(_cut(text, limit))


def _cut(text: str, limit: int) -> Iterator[str]:
    while length(text) > limit:
        head = _first(text, limit)
        at = next((found for end in _ENDS if (found := head.rfind(end, len(head) // 4)) >= 0), len(head))
        if head[at : at + 2] == ". ":
            at += 1
        yield head[:at].rstrip()
        text = text[at:].lstrip()
    yield text


def _first(text: str, limit: int) -> str:
    """As much of the beginning as fits; a character is in it or is not."""
    return text.encode("utf-16-le")[: limit * 2].decode("utf-16-le", "ignore")


def shortened(text: str, limit: int) -> str:
    return text if length(text) <= limit else _first(text, limit - 1).rstrip() + "…"


def presses_of(content: AnyContent) -> Iterator[str]:
    """What its buttons press."""
    if isinstance(content, Text):
        yield from (button.press for row in content.buttons for button in row if button.press is not None)
    elif isinstance(content, Cards):
        yield from (
            button.press for card in content.cards for button in card.buttons if button.press is not None
        )
