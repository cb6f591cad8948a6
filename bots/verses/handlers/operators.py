"""For operators: numbers, an export, a broadcast, and the ids of files."""

import csv
import io
from collections.abc import Iterable, Iterator
from functools import partial

from django.utils import timezone

from bots.bot import Answer, Turn
from bots.verses import NAME
from bots.verses.identity import bot, for_operators, logged, number_in, pressed
from bots.verses.models import Reader
from bots.verses.pieces import button, menu_buttons
from bots.verses.queries import all_readers
from bots.verses.queries import stats as read_stats
from bots.verses.texts import words
from messaging.actions.audit import note_export
from messaging.actions.broadcasts import (
    confirm_broadcast,
    decline_broadcast,
    draft_broadcast_to_everybody,
)
from messaging.content import MAX_TEXT_LENGTH, File, Text
from messaging.errors import Forbidden, ParleyError
from messaging.heard import Attachment
from messaging.queries.broadcasts import Progress, cannot_be_written_to, progress_of

COLUMNS = (
    *("contact", "platform", "account", "id", "name", "username", "language", "time_zone"),
    *("came", "last_heard", "hour", "daily", "invited_by", "place", "unreachable", "banned", "favourites"),
)
# Below what a file made on the spot may have.
MAX_FILE_LENGTH = 900_000
FORMULA = tuple("=+-@|%\t\r\n＝＋－＠")  # noqa: RUF001 - spreadsheets take the wide ones too


@bot.command("stats")
@logged
@for_operators
def stats(turn: Turn) -> Answer:
    numbers = read_stats()
    return Text(
        text=words(turn.language, "stats", **vars(numbers)),
        buttons=menu_buttons(turn.language),
    )


# --- Export -----------------------------------------------------------------------------------------------------------


@bot.command("export_users")
@logged
@for_operators
def export_users(turn: Turn) -> Answer:
    """As many files as it takes."""
    day = timezone.now().date().isoformat()
    files = list(_files())
    turn.effects.append(partial(note_export, turn.contact))
    return [
        File(
            name=f"people-{day}{f'-{number}' if len(files) > 1 else ''}.csv",
            content=content,
            text=words(turn.language, "export", count=count),
        )
        for number, (content, count) in enumerate(files, 1)
    ]


def _files() -> Iterator[tuple[str, int]]:
    file, count = _line(COLUMNS), 0
    for reader, favourites in all_readers():
        row = _line(_row(reader, favourites))
        if len(file) + len(row) > MAX_FILE_LENGTH:
            yield file, count
            file, count = _line(COLUMNS), 0
        file, count = file + row, count + 1
    yield file, count


def _row(reader: Reader, favourites: int) -> list[object]:
    contact = reader.contact
    return [
        contact.pk,
        contact.platform,
        contact.account,
        contact.external_id,
        f"{contact.first_name} {contact.last_name}".strip(),
        contact.username,
        contact.speaks,
        contact.time_zone,
        _moment(contact.created_at),
        _moment(contact.heard_at),
        reader.hour,
        "yes" if reader.due_at else "no",
        contact.referred_by_id or "",
        contact.place,
        _moment(contact.unreachable_at),
        _moment(contact.banned_at),
        favourites,
    ]


def _moment(moment: object) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else ""


def _line(values: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([harmless(value) for value in values])
    return out.getvalue()


def harmless(value: object) -> object:
    """A text that a spreadsheet takes for text, never for a formula: people choose their own names."""
    if isinstance(value, str) and (value[:1] in FORMULA or value.lstrip()[:1] in FORMULA):
        return f"'{value}"
    return value


# --- Broadcast --------------------------------------------------------------------------------------------------------


@bot.command("broadcast")
@logged
@for_operators
def broadcast(turn: Turn) -> Answer:
    """Shows it as everybody would get it, and asks."""
    text = turn.rest.strip()
    if not text:
        return Text(text=words(turn.language, "broadcast_usage"))
    content = Text(text=text[:MAX_TEXT_LENGTH])
    draft = draft_broadcast_to_everybody(bot=NAME, content=content, author_contact=turn.contact)
    question = words(
        turn.language,
        "broadcast_preview",
        count=_recipients(draft.pk),
        outside=cannot_be_written_to(draft.pk),
    )
    decide = [
        button(turn.language, "confirm", f"broadcast:yes:{draft.pk}"),
        button(turn.language, "decline", f"broadcast:no:{draft.pk}"),
    ]
    return [content, Text(text=question, buttons=[decide])]


@pressed("broadcast:yes:")
@logged
@for_operators
def confirm(turn: Turn) -> Answer:
    draft = number_in(turn.rest)
    try:
        confirm_broadcast(broadcast=draft, contact=turn.contact)
    except ParleyError as error:
        return _not_so(turn, error)
    text = words(turn.language, "broadcast_confirmed", count=_recipients(draft))
    return Text(text=text, replace=True)


@pressed("broadcast:no:")
@logged
@for_operators
def decline(turn: Turn) -> Answer:
    try:
        decline_broadcast(broadcast=number_in(turn.rest), contact=turn.contact)
    except ParleyError as error:
        return _not_so(turn, error)
    return Text(text=words(turn.language, "broadcast_declined"), replace=True)


def _recipients(broadcast: int) -> int:
    return progress_of([broadcast]).get(broadcast, Progress()).total


def _not_so(turn: Turn, error: ParleyError) -> Text:
    key = "broadcast_not_yours" if isinstance(error, Forbidden) else "broadcast_decided"
    return Text(text=words(turn.language, key))


# --- Files ------------------------------------------------------------------------------------------------------------


@bot.attachment()
@logged
def attachment(turn: Turn) -> Answer:
    """An operator is told by which id the file can be sent again; to others it is nothing that we know."""
    if not turn.is_operator:
        return Text(text=words(turn.language, "unknown"), buttons=menu_buttons(turn.language))
    return [_file_id(turn, each) for each in turn.heard.attachments] or None


def _file_id(turn: Turn, file: Attachment) -> Text:
    name = file.name or file.kind
    if file.file_id:
        return Text(text=words(turn.language, "file_id", name=name, file_id=file.file_id))
    return Text(text=words(turn.language, "no_file_id", name=name, url=file.url))
