"""Owns saying which operations of a migration the version before it would not survive, running on beside the new one."""

from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from django.db import migrations, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

WHY = "SAFE_BESIDE_PREVIOUS"
"""A constant in a migration's module, with the reason why what looks harmful is not: the version before no longer uses
the column that goes, say.
"""

HARMLESS = (
    migrations.AddIndex,
    migrations.RemoveIndex,
    migrations.RenameIndex,
    migrations.AlterModelOptions,
    migrations.AlterModelManagers,
    migrations.AlterModelTableComment,
)
ONLY_PYTHON = {
    *("blank", "choices", "default", "editable", "error_messages", "help_text", "related_name", "validators"),
    *("verbose_name", "db_comment", "auto_now", "auto_now_add"),
}


def harms(
    operations: Sequence[Operation], state: ProjectState, app: str, *, module: ModuleType | None = None
) -> Iterator[str]:
    """A sentence for each operation that may break a process of the version before. `state` is that before them; what
    they create, and what it has created since that version (`state.fresh`), nobody uses yet.
    """
    if getattr(module, WHY, ""):
        return
    fresh: set[str] = getattr(state, "fresh", set())
    for operation in operations:
        if isinstance(operation, migrations.SeparateDatabaseAndState):
            yield from harms(operation.database_operations, state, app)
        elif harm := _harm(operation, state, app, fresh):
            yield harm
        if isinstance(operation, migrations.CreateModel):
            fresh.add(f"{app}.{operation.name_lower}")
        operation.state_forwards(app, state)
    state.fresh = fresh  # type: ignore[attr-defined]


def _harm(operation: Operation, state: ProjectState, app: str, fresh: set[str]) -> str:
    model = getattr(operation, "model_name_lower", None) or getattr(operation, "name_lower", "")
    told = f"{app}: {operation.describe()}"
    if isinstance(operation, (migrations.CreateModel, *HARMLESS)) or f"{app}.{model}" in fresh:
        return ""
    if isinstance(operation, migrations.AddField):
        return "" if _may_be_left_out(operation.field) else f"{told}: the version before does not fill it in."
    if isinstance(operation, migrations.AlterField):
        before = state.models[app, model].fields[operation.name]
        return "" if _is_wider(before, operation.field) else f"{told}: not wider than it was."
    return f"{told}: nothing is known that would make it safe."


def _may_be_left_out(field: Any) -> bool:
    return bool(field.null or field.many_to_many or field.has_db_default())


def _is_wider(before: Any, after: Any) -> bool:
    """Whether whatever the version before writes and reads still fits."""
    (_, was_kind, was_args, was), (_, kind, args, now) = before.deconstruct()[0:], after.deconstruct()[0:]
    changed = {name for name in was.keys() | now.keys() if was.get(name) != now.get(name)} - ONLY_PYTHON
    if (was_kind, was_args) != (kind, args):
        return False
    if now.get("null") and not was.get("null"):
        # The version before has no idea that there may be nothing.
        return False
    if "max_length" in changed and (now.get("max_length") is None or now["max_length"] > was["max_length"]):
        changed.remove("max_length")
    if "db_default" in changed and isinstance(after, models.Field) and after.has_db_default():
        changed.remove("db_default")
    return not changed
