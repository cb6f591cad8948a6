"""Owns what the migrations put into the test database, and puts it back after tests that commit.

Django's own way truncates every table and loads everything again, a few tenths of a second each time. Here only tables
that changed are touched.
"""

from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

Rows = list[tuple[Any, ...]]

# The starter collection is long and no test counts on it.
LEFT_EMPTY = "verses"


_remembered: dict[str, Rows] = {}


def remember() -> None:
    """Of every table what is in it now."""
    names = _connection().introspection.django_table_names(only_existing=True, include_views=False)
    emptied = {model._meta.db_table for model in apps.get_app_config(LEFT_EMPTY).get_models()}
    _remembered.update({name: [] if name in emptied else _rows_of(name) for name in sorted(names)})


def put_back() -> None:
    """In one transaction: foreign keys are looked at when it ends. Sequences go on: nothing new gets an id of these."""
    with transaction.atomic(DEFAULT_DB_ALIAS):
        filled = _filled_tables()
        changed = {
            name: rows
            for name, rows in _remembered.items()
            if (_rows_of(name) != rows if rows else name in filled)
        }
        for name in changed:
            _execute(f"DELETE FROM {_quoted(name)}")  # noqa: S608
        for name, rows in changed.items():
            _insert(name, rows)


def _filled_tables() -> set[str]:
    names = list(_remembered)
    question = " UNION ALL ".join(
        f"SELECT {at} WHERE EXISTS (SELECT 1 FROM {_quoted(name)})"  # noqa: S608
        for at, name in enumerate(names)
    )
    with _connection().cursor() as cursor:
        cursor.execute(question)
        return {names[at] for (at,) in cursor.fetchall()}


def _connection() -> BaseDatabaseWrapper:
    return connections[DEFAULT_DB_ALIAS]


def _quoted(table: str) -> str:
    return _connection().ops.quote_name(table)


def _rows_of(table: str) -> Rows:
    with _connection().cursor() as cursor:
        cursor.execute(f"SELECT * FROM {_quoted(table)}")  # noqa: S608
        return sorted(cursor.fetchall(), key=repr)


def _execute(statement: str) -> None:
    with _connection().cursor() as cursor:
        cursor.execute(statement)


def _insert(table: str, rows: Rows) -> None:
    if rows:
        places = ", ".join(["%s"] * len(rows[0]))
        with _connection().cursor() as cursor:
            cursor.executemany(f"INSERT INTO {_quoted(table)} VALUES ({places})", rows)  # noqa: S608
