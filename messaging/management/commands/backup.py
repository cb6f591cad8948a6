"""`manage.py backup FILE`: a copy of the SQLite database as it is at one moment, while everybody goes on writing."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection


class Command(BaseCommand):
    help = "Copies the SQLite database into a new file. For PostgreSQL: pg_dump (docs/operate.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        if connection.vendor != "sqlite":
            raise CommandError('This is PostgreSQL: pg_dump --format=custom --file=FILE "$DATABASE_URL"')
        if file.exists():
            raise CommandError(f"{file} exists already.")
        database = str(connection.settings_dict["NAME"])
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(file)) as copy:
            # In one go: a copy that lets writers in between begins anew with each of them.
            source.backup(copy)
            (state,) = copy.execute("PRAGMA integrity_check").fetchone()
        if state != "ok":
            raise CommandError(f"The copy is damaged, so the database may be: {state}")
        self.stdout.write(f"{file}: {file.stat().st_size} bytes, checked.")
