"""Operators' commands: an export that is safe to open, broadcasts that only their author confirms, ids of files."""

import csv
import io
from dataclasses import replace

import pytest
from asgiref.sync import sync_to_async
from django.contrib.admin.models import LogEntry

from bots.verses.handlers.operators import harmless
from bots.verses.models import Action, Favourite, Reader, Verse
from messaging.actions.bots import change_setting
from messaging.actions.broadcasts import hand_over_broadcasts
from messaging.content import File
from messaging.heard import Attachment, Heard, Kind, Profile
from messaging.models import Broadcast, Contact, User
from tests.bots.conftest import Worker, arrival, pressed

pytestmark = pytest.mark.django_db(transaction=True)


async def do(worker: Worker, person: str, heard: Heard | str, **fields: object) -> str:
    """What they are answered."""
    before = len(worker.paper.texts(person))
    await worker.take(replace(arrival(person, heard, **fields), account="verses"))
    return "\n".join(worker.paper.texts(person)[before:])


async def press(worker: Worker, person: str, title: str) -> str:
    """Presses the button of that title of the last message that has it."""
    buttons = [
        (button.press, sent)
        for sent in worker.paper.sent[person]
        for row in getattr(sent.content, "buttons", [])
        for button in row
        if button.title == title
    ]
    return await do(worker, person, pressed(str(buttons[-1][0]), "gone"))


async def make_operator(person: str, operator: User) -> None:
    await Contact.objects.filter(external_id=person).aupdate(user=operator)


@pytest.fixture
async def olive_on_paper(worker: Worker, olive: User) -> str:
    """Olive, who has linked her contact."""
    await do(worker, "olive-on-paper", "/start")
    await make_operator("olive-on-paper", olive)
    return "olive-on-paper"


# --- Numbers and export -----------------------------------------------------------------------------------------------


async def test_stats(worker: Worker, olive_on_paper: str) -> None:
    await do(worker, "ada", "/start")
    await do(worker, "ben", "/start ada")
    await do(worker, "cyn", "/start cyn")
    await do(worker, "ben", "/start olive-on-paper")
    await do(worker, "ben", "/daily")
    said = await do(worker, olive_on_paper, "/stats")
    assert "People: 4\nActive in the last 24 hours: 4\nCame by an invitation: 1\nGet a verse a day: 3" in said
    ben = await Contact.objects.select_related("referred_by").aget(external_id="ben")
    assert (ben.referral, ben.referred_by.external_id if ben.referred_by else "") == ("ada", "ada")
    assert (await Contact.objects.aget(external_id="cyn")).referral == ""


FORMULAS = ['=HYPERLINK("http://x")', "+1+1", "-2", "@SUM(A1)", "\t=1", " =1", "|calc", "%0A", "＝1"]  # noqa: RUF001


@pytest.mark.parametrize("formula", FORMULAS)
def test_what_a_spreadsheet_would_calculate_is_made_text(formula: str) -> None:
    assert str(harmless(formula)).startswith("'")


def test_what_is_harmless_stays_as_it_is() -> None:
    assert [harmless(value) for value in ("Ada", "a=b", "", 7, "Ада")] == ["Ada", "a=b", "", 7, "Ада"]


async def test_the_export_has_everybody_and_no_formula(worker: Worker, olive_on_paper: str) -> None:
    name = Profile(first_name="=cmd|'/C calc'!A0", last_name='O,"Neill\n', username="@ada")
    await do(worker, "ada", "/start", profile=name)
    verse = await Verse.objects.aget(title="Dew")
    ada = await Contact.objects.aget(external_id="ada")
    await Favourite.objects.acreate(contact=ada, verse=verse)
    assert await do(worker, olive_on_paper, "/export_users") == "All people: 2"
    deed = await LogEntry.objects.select_related("user").aget()
    assert (deed.user.username, deed.change_message) == ("olive", "Exported.")
    file = worker.paper.sent[olive_on_paper][-1].content
    assert isinstance(file, File)
    assert file.name.startswith("people-")
    assert file.name.endswith(".csv")
    rows = list(csv.DictReader(io.StringIO(file.content, newline="")))
    row = next(row for row in rows if row["id"] == "ada")
    assert row["name"].startswith("'=cmd|'/C calc'!A0")
    assert (row["username"], row["favourites"], row["daily"], row["language"]) == ("'@ada", "1", "yes", "en")
    assert all(not value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values())


async def test_a_large_export_comes_in_several_files(
    worker: Worker, olive_on_paper: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bots.verses.handlers.operators.MAX_FILE_LENGTH", 300)
    for person in ("ada", "ben", "cyn"):
        await do(worker, person, "/start")
    assert await do(worker, olive_on_paper, "/export_users") == "\n".join(["All people: 1"] * 4)
    names = [
        sent.content.name for sent in worker.paper.sent[olive_on_paper] if isinstance(sent.content, File)
    ]
    assert len(set(names)) == 4


# --- Broadcasts -------------------------------------------------------------------------------------------------------


async def test_a_broadcast_from_preview_to_everybody(worker: Worker, olive_on_paper: str) -> None:
    await do(worker, "ada", "/start")
    preview = await do(worker, olive_on_paper, "/broadcast Two lines:\n*the second* <b>one</b>")
    assert preview.startswith("Two lines:\n*the second* <b>one</b>\nThis goes to 2 people.")
    assert await sync_to_async(hand_over_broadcasts)() == 0
    assert "on its way to 2" in await press(worker, olive_on_paper, "✅ Confirm")
    assert "decided already" in await press(worker, olive_on_paper, "✅ Confirm")
    assert "decided already" in await press(worker, olive_on_paper, "❌ Decline")
    assert await sync_to_async(hand_over_broadcasts)() == 2
    await worker.settled()
    assert worker.paper.texts("ada")[-1] == "Two lines:\n*the second* <b>one</b>"
    await sync_to_async(hand_over_broadcasts)()
    assert (await Broadcast.objects.aget()).state == "done"


async def test_a_stranger_and_another_operator_confirm_nothing(worker: Worker, olive_on_paper: str) -> None:
    await do(worker, olive_on_paper, "/broadcast Hello")
    draft = await Broadcast.objects.aget()
    for stranger in ("charlie", "root-on-paper"):
        await do(worker, stranger, "/start")
    root = await User.objects.acreate(username="root", is_superuser=True)
    await make_operator("root-on-paper", root)
    for verdict in ("yes", "no"):
        told = await do(worker, "charlie", pressed(f"broadcast:{verdict}:{draft.pk}", "gone"))
        assert "for operators only" in told
        told = await do(worker, "root-on-paper", pressed(f"broadcast:{verdict}:{draft.pk}", "gone"))
        assert "Only whoever wrote it" in told
    for nonsense in ("", "x", "-1", "9" * 30, "0"):
        assert await do(worker, olive_on_paper, pressed(f"broadcast:yes:{nonsense}", "gone"))
    assert (await Broadcast.objects.aget()).state == "draft"


async def test_the_command_alone_on_its_line(worker: Worker, olive_on_paper: str) -> None:
    assert (await do(worker, olive_on_paper, "/broadcast\nHello")).startswith("Hello\nThis goes to 1 people.")


# --- Files ------------------------------------------------------------------------------------------------------------


async def test_an_operator_is_told_the_ids_of_files(worker: Worker, olive_on_paper: str) -> None:
    files = (
        Attachment(kind="file", file_id="ID-1", name="a.pdf"),
        Attachment(kind="image", url="https://x.test/b"),
    )
    heard = Heard(kind=Kind.ATTACHMENT, attachments=files)
    assert await do(worker, olive_on_paper, heard) == (
        "file_id of a.pdf:\nID-1\nThis platform gives no file_id for image. Its address: https://x.test/b"
    )
    assert "I only know verses" in await do(worker, "charlie", heard)


# --- What is noted ----------------------------------------------------------------------------------------------------


async def test_the_action_log_has_what_was_done_and_no_words(worker: Worker) -> None:
    for heard in ("/start", "my secret", "/random"):
        await do(worker, "ada", heard)
    names = [name async for name in Action.objects.order_by("pk").values_list("name", flat=True)]
    assert names == ["start", "unknown", "random"]


async def test_the_banned_are_no_readers_and_are_not_answered(worker: Worker) -> None:
    await do(worker, "ada", "/start")
    await Contact.objects.aupdate(banned_at="2026-01-01T00:00:00Z")
    assert await do(worker, "ada", "/random") == ""
    assert await Reader.objects.acount() == 1


async def test_settings_of_the_bot_are_obeyed(worker: Worker, olive: User) -> None:
    for key, value in (("hour", "18"), ("zone", "Asia/Tokyo"), ("greeting", "Mind the step.")):
        await sync_to_async(change_setting)(operator=olive, bot="verses", key=key, value=value)
    said = await do(worker, "ada", "/start")
    assert "Mind the step." in said
    assert "Every day at 18:00 (Asia/Tokyo)" in said
