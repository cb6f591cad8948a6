"""Everything in another database brought into this one: the same rows, with the same numbers and keys."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from django.apps import apps
from django.core.management.color import no_style
from django.db import connections, models, transaction

from messaging.errors import Conflict
from messaging.models import User

ROWS_AT_ONCE = 1000


def move_database(*, source: str, target: str, tell: Callable[[str, int], None]) -> int:
    """Copies all rows from the connection `source` to `target`, which is migrated and has no people yet, in one
    transaction there. `tell` hears each table and how many rows it has. Returns how many rows there are in all.

    Nobody may write to the source meanwhile: stop its processes.
    """
    if User.objects.using(target).exists():
        raise Conflict(
            "There are people in the new database already: move into an empty one.", code="not_empty"
        )
    total = 0
    tables = list(_tables())
    with transaction.atomic(using=target, durable=True):
        for table in reversed(tables):
            # What the migrations have put there comes along, as it is in the source.
            table._base_manager.using(target).all()._raw_delete(using=target)  # noqa: SLF001
        for table in tables:
            count = _copy(table, source, target)
            tell(table._meta.db_table, count)  # noqa: SLF001
            total += count
        _reset_sequences(tables, target)
    return total


def _tables() -> Iterator[type[models.Model]]:
    seen: set[str] = set()
    for model in apps.get_models(include_auto_created=True):
        options = model._meta  # noqa: SLF001
        if options.managed and not options.proxy and options.db_table not in seen:
            seen.add(options.db_table)
            yield model


def _copy(table: type[models.Model], source: str, target: str) -> int:
    # `of` keeps what a `save` would change, such as the moment when a row was made.
    automatic = [
        field
        for field in table._meta.concrete_fields  # noqa: SLF001
        if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    ]
    before = [(field, field.auto_now, field.auto_now_add) for field in automatic]  # type: ignore[attr-defined]
    for field in automatic:
        field.auto_now = field.auto_now_add = False  # type: ignore[attr-defined]
    try:
        rows: Iterator[Any] = table._base_manager.using(source).order_by("pk").iterator(ROWS_AT_ONCE)  # noqa: SLF001
        count = 0
        while some := list(islice(rows, ROWS_AT_ONCE)):
            table._base_manager.using(target).bulk_create(some)  # noqa: SLF001
            count += len(some)
        return count
    finally:
        for field, now, now_add in before:
            field.auto_now, field.auto_now_add = now, now_add  # type: ignore[attr-defined]


def _reset_sequences(tables: list[type[models.Model]], target: str) -> None:
    connection = connections[target]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), tables):
            cursor.execute(statement)
