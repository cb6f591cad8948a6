"""`manage.py move_database FROM`: brings everything from another database, SQLite say, into the one of DATABASE_URL."""

from typing import Any

import dj_database_url
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from messaging.actions.moving import move_database
from messaging.errors import Conflict

OLD = "old"


class Command(BaseCommand):
    help = "Copies every row, keys and numbers included, into the empty database of DATABASE_URL. Stop all processes first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", help="e.g. sqlite:////srv/parley/var/parley.sqlite3")

    def handle(self, *args: Any, source: str, **options: Any) -> None:
        try:
            address: Any = dj_database_url.parse(source)
        except ValueError as error:
            raise CommandError(f"{source} is no address of a database: {error}") from None
        call_command("migrate", interactive=False, verbosity=0)
        connections.databases[OLD] = {**connections.databases["default"], "OPTIONS": {}, **address}
        try:
            executor = MigrationExecutor(connections[OLD])
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                raise CommandError(
                    "The old database is of another version: let this one's migrate run on it first."
                )
            count = move_database(source=OLD, target="default", tell=self._tell)
        except Conflict as refusal:
            raise CommandError(refusal.sentence) from None
        finally:
            connections[OLD].close()
            del connections[OLD], connections.databases[OLD]
        self.stdout.write(f"{count} rows have moved. The old database is as it was.")

    def _tell(self, table: str, count: int) -> None:
        self.stdout.write(f"{count:>10}  {table}")
