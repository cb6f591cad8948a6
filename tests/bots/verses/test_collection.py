"""The collection: what ships, and how files of anyone's own are imported."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from bots.verses.actions.collection import import_verses
from bots.verses.formats import SHIPPED, Bad, NewVerse, read_csv, read_json
from bots.verses.models import Author, Verse

GOOD = {"author": "Nell Ortiz", "title": "Dew", "text": "Gone by nine.\r\nStill, mine."}


def run(file: Path) -> tuple[str, list[str]]:
    """What `manage.py import_verses` said: its last word, and the complaints."""
    out, complaints = StringIO(), StringIO()
    call_command("import_verses", str(file), stdout=out, stderr=complaints)
    return out.getvalue().strip(), complaints.getvalue().splitlines()


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    file = tmp_path / "mine.csv"
    file.write_text(
        "author,title,year,language,text,source\n"
        'Nell Ortiz,Dew,1999,en,"Gone by nine.\nStill, mine.",a drawer\n'
        "Nell Ortiz,,1999,en,No title,\n"
        "\n"
        '"Ortiz, Nell",Rust,,EN,"The gate sings.",\n'
        "Nell Ortiz,Year,nineteen,en,Words,\n"
        "too,few\n"
        "Ж. Жук,Дождь,2001,ru,Дождь.,\n",
        encoding="utf-8",
    )
    return file


# --- What ships -------------------------------------------------------------------------------------------------------


def test_the_starter_collection_can_be_browsed() -> None:
    verses = [entry[1] for entry in read_json(SHIPPED.read_text(encoding="utf-8"))]
    assert all(isinstance(verse, NewVerse) for verse in verses)
    good = [verse for verse in verses if isinstance(verse, NewVerse)]
    assert len({verse.digest for verse in good}) == len(good)
    for language in ("en", "ru"):
        ours = [verse for verse in good if verse.language == language]
        assert len(ours) >= 30
        assert len({verse.author for verse in ours}) >= 8
        assert len({verse.letter for verse in ours}) > 10  # more than one row of letters
        assert all(2 <= len(verse.text.splitlines()) <= 6 and verse.year for verse in ours)


@pytest.mark.django_db
def test_a_new_deployment_has_the_starter_collection_and_importing_it_again_changes_nothing() -> None:
    before = Verse.objects.count()
    assert before == len(json.loads(SHIPPED.read_text(encoding="utf-8")))
    assert run(SHIPPED) == (f"0 new, {before} here already, 0 that could not be taken.", [])
    assert Verse.objects.count() == before


# --- Files ------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_bad_lines_are_named_and_good_ones_kept(csv_file: Path) -> None:
    Verse.objects.all().delete()
    said, complaints = run(csv_file)
    assert said == "3 new, 0 here already, 3 that could not be taken."
    assert [complaint.split(":")[0] for complaint in complaints] == ["line 4", "line 7", "line 8"]
    assert "title" in complaints[0]
    assert "year" in complaints[1]
    assert "2 columns" in complaints[2]
    dew = Verse.objects.get(title="Dew")
    assert (dew.text, dew.year, dew.source) == ("Gone by nine.\nStill, mine.", 1999, "a drawer")
    assert Verse.objects.get(title="Rust").author == dew.author
    assert (dew.author.name, dew.author.surname, dew.author.letter) == ("Nell Ortiz", "Ortiz", "O")
    assert Author.objects.get(letter="Ж").name == "Ж. Жук"


@pytest.mark.django_db
def test_a_repeat_imports_nothing_twice(csv_file: Path, tmp_path: Path) -> None:
    run(csv_file)
    assert run(csv_file)[0] == "0 new, 3 here already, 3 that could not be taken."
    shouted = tmp_path / "shouted.json"
    shouted.write_text(json.dumps([{**GOOD, "title": " DEW ", "text": "GONE BY NINE.  Still, mine.\n"}]))
    assert run(shouted)[0] == "0 new, 1 here already, 0 that could not be taken."


@pytest.mark.django_db
def test_a_verse_twice_in_one_file_is_one() -> None:
    again = NewVerse.model_validate(GOOD)
    assert import_verses([(1, again), (2, again)]).new == 1


def test_json_that_breaks_off_keeps_what_was_good() -> None:
    text = "[\n" + json.dumps(GOOD) + ',\n7,\n{"author": "A", "title": "B"},\n{"author": '
    first, number, no_text, broken = read_json(text)
    assert isinstance(first, tuple)
    assert isinstance(first[1], NewVerse)
    assert isinstance(number, Bad)
    assert isinstance(no_text, Bad)
    assert isinstance(broken, Bad)
    assert [number.line, no_text.line, broken.line] == [3, 4, 5]
    assert "nothing after it" in broken.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must be a list"),
        ("{}", "must be a list"),
        ("[" * 100_000, "not JSON"),
        ("[{}", "not JSON"),
        ('[{"author":"A","title":"B","text":"\\u0000"}]', "cannot be stored"),
        ('[{"author":"A","title":"B","text":"\\ud800"}]', "text"),
        (json.dumps([{**GOOD, "language": "english"}]), "language"),
        (json.dumps([{**GOOD, "year": 10**30}]), "year"),
        (json.dumps([{**GOOD, "text": "x" * 3001}]), "text"),
    ],
)
def test_json_that_cannot_be_taken(text: str, reason: str) -> None:
    (bad,) = read_json(text)
    assert isinstance(bad, Bad)
    assert bad.line == 1
    assert reason in bad.reason


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "author, title, text"),
        ("author,title\n", 1, "text"),
        ('author,title,text\nA,B,"never closed\n' + "x\n" * 20_000, 2, "not CSV"),
    ],
)
def test_csv_that_cannot_be_taken(text: str, line: int, reason: str) -> None:
    (bad,) = read_csv(text)
    assert isinstance(bad, Bad)
    assert bad.line == line
    assert reason in bad.reason


def test_semicolons_tabs_and_a_byte_order_mark_are_read() -> None:
    for text in (
        "\ufeffTitle;Author;Text\nDew;Nell Ortiz;Gone",
        "title\tauthor\ttext\r\nDew\tNell Ortiz\tGone\r\n",
    ):
        ((line, verse),) = read_csv(text)
        assert line == 2
        assert isinstance(verse, NewVerse)
        assert verse.text == "Gone"


def test_files_that_are_none(tmp_path: Path) -> None:
    latin = tmp_path / "latin.csv"
    latin.write_bytes("author,title,text\nÉ,B,C".encode("latin-1"))
    for file, sentence in (
        (latin, "UTF-8"),
        (tmp_path / "no.csv", "cannot be read"),
        (tmp_path / "a.txt", ".csv or .json"),
    ):
        with pytest.raises(CommandError, match=sentence):
            run(file)
