"""Collections of verses as files: CSV and JSON in, verses and what is wrong with the others out. No Django."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
    field_validator,
)

SHIPPED = Path(__file__).parent / "data" / "verses.json"
"""The starter collection."""

MAX_TEXT_LENGTH = 3000
# A record whose quotation mark is never closed would swallow the rest of the file.
MAX_FIELD_LENGTH = 20_000
COLUMNS = ("author", "title", "text")
WHITESPACE = " \t\r\n\f\v"


def _lines(text: object) -> object:
    """Line ends as they are here, and no blank ones around."""
    if not isinstance(text, str):
        return text
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip(WHITESPACE).split("\n")
    return "\n".join(line.rstrip() for line in lines)


def _one_line(text: object) -> object:
    return " ".join(text.split()) if isinstance(text, str) else text


def _nothing(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


Line = Annotated[str, BeforeValidator(_one_line)]


class NewVerse(BaseModel):
    """A verse of a collection, checked. Of an author written "Surname, First names" the surname is what precedes the
    comma, else it is the last word."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    author: Annotated[Line, StringConstraints(min_length=1, max_length=100)]
    title: Annotated[Line, StringConstraints(min_length=1, max_length=120)]
    text: Annotated[str, BeforeValidator(_lines), StringConstraints(min_length=1, max_length=MAX_TEXT_LENGTH)]
    year: Annotated[int | None, BeforeValidator(_nothing)] = None
    language: Annotated[
        str, BeforeValidator(_one_line), StringConstraints(to_lower=True, pattern=r"^[a-zA-Z]{2}$")
    ] = "en"
    source: Annotated[Line, StringConstraints(max_length=200)] = ""

    @field_validator("year")
    @classmethod
    def _year_is_one(cls, year: int | None) -> int | None:
        if year is not None and not -3000 <= year <= 2200:
            raise ValueError("there is no such year")
        return year

    @field_validator("author", "title", "text", "source")
    @classmethod
    def _can_be_stored(cls, text: str) -> str:
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise ValueError("has a character that cannot be stored")
        return text

    @property
    def surname(self) -> str:
        before, comma, _ = self.author.partition(",")
        return before.strip() if comma and before.strip() else self.author.split()[-1]

    @property
    def letter(self) -> str:
        """What the author is found under."""
        return next((character for character in self.surname if character.isalnum()), "#").upper()[0]

    @property
    def digest(self) -> str:
        """The same for a verse however it is spaced and capitalised."""
        parts = (self.author_name, self.title, self.text)
        return sha256("\0".join(" ".join(part.split()).casefold() for part in parts).encode()).hexdigest()

    @property
    def author_name(self) -> str:
        """First names first, whichever way it was written."""
        last, comma, first = self.author.partition(",")
        return f"{first.strip()} {last.strip()}" if comma and first.strip() and last.strip() else self.author


class Bad(NamedTuple):
    """A verse that cannot be taken, by the number of the line of the file that it begins on."""

    line: int
    reason: str


def read_csv(text: str) -> Iterator[tuple[int, NewVerse] | Bad]:
    """The first line names the columns; commas, semicolons or tabs between them."""
    text = text.removeprefix("\ufeff")
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = [name.strip().lower() for name in next(rows, [])]
    if missing := [name for name in COLUMNS if name not in names]:
        yield Bad(1, f"the first line must name the columns; missing: {', '.join(missing)}")
        return
    while True:
        line = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            # Where the next record would begin, nobody can tell.
            yield Bad(line, f"this is not CSV ({error}); nothing after it was read")
            return
        if not any(field.strip() for field in row):
            continue
        if len(row) != len(names):
            yield Bad(line, f"has {len(row)} columns, the first line names {len(names)}")
        elif too_long := next(
            (name for name, field in zip(names, row, strict=True) if len(field) > MAX_FIELD_LENGTH), ""
        ):
            yield Bad(line, f"{too_long}: too long; is a quotation mark not closed?")
        else:
            yield _checked(line, dict(zip(names, row, strict=True)))


def read_json(text: str) -> Iterator[tuple[int, NewVerse] | Bad]:
    """A list of objects with the columns' names as keys."""
    text = text.removeprefix("\ufeff")
    decoder = json.JSONDecoder()
    here = _skip(text, 0)
    if text[here : here + 1] != "[":
        yield Bad(1, "the file must be a list of verses: [{…}, {…}]")
        return
    here = _skip(text, here + 1)
    while text[here : here + 1] != "]":
        line = text.count("\n", 0, here) + 1
        try:
            item, end = decoder.raw_decode(text, here)
            end = _skip(text, end)
            if text[end : end + 1] not in {",", "]"}:
                raise ValueError("a comma is missing")
        except (ValueError, RecursionError) as error:
            yield Bad(line, f"this is not JSON ({error}); nothing after it was read")
            return
        yield _checked(line, item)
        here = _skip(text, end + 1) if text[end] == "," else end


def _skip(text: str, start: int) -> int:
    """Where the next character is that is not blank."""
    while text[start : start + 1] and text[start] in WHITESPACE:
        start += 1
    return start


def _checked(line: int, fields: Any) -> tuple[int, NewVerse] | Bad:
    if not isinstance(fields, Mapping):
        return Bad(line, "is not an object with author, title and text")
    try:
        return line, NewVerse.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return Bad(line, f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}")
