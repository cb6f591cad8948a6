"""`manage.py import_verses`: takes a file of verses up into the collection."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bots.verses.actions.collection import import_verses
from bots.verses.formats import SHIPPED, read_csv, read_json

READERS = {".csv": read_csv, ".json": read_json}


class Command(BaseCommand):
    help = (
        "Imports verses from a CSV or JSON file (author, title, text, and as they are known year, language, source). "
        "Without a file: the starter collection. What is here already is not taken up again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, default=SHIPPED)

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        read = READERS.get(file.suffix.lower())
        if read is None:
            raise CommandError(f"{file.name}: the name must end in .csv or .json.")
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise CommandError(f"{file.name} is not UTF-8: save it as that.") from None
        imported = import_verses(read(text))
        for line, reason in imported.bad:
            self.stderr.write(f"line {line}: {reason}")
        self.stdout.write(
            f"{imported.new} new, {imported.known} here already, {len(imported.bad)} that could not be taken."
        )
