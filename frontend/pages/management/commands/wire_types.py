"""`manage.py wire_types`: the catalogue of events in TypeScript, as the scripts of the pages import it."""

import json
from typing import Any, get_args

from django.core.management.base import BaseCommand
from pydantic import TypeAdapter

from messaging.events import AnyDoorbell, AnyEvent, Event, Shape, defaults_of
from messaging.queries.messages import MessagePage

LINE_LENGTH = 110
HEADING = """/** What the server sends, generated from its catalogue: `python manage.py wire_types > frontend/src/wire.ts` */"""
LEFT_OUT_HEADING = "/** What an event leaves out is this: see `live/complete.ts`. */"
SIMPLE = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
UNIONS: dict[str, TypeAdapter[Any]] = {
    "AnyEvent": TypeAdapter(AnyEvent),
    "AnyDoorbell": TypeAdapter(AnyDoorbell),
}


class Command(BaseCommand):
    help = "Prints the TypeScript of the events, doorbells and message pages that scripts receive."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(typescript())


def typescript() -> str:
    """The whole file, formatted as Prettier does it."""
    shapes: dict[str, Any] = {}
    unions = []
    for name, adapter in UNIONS.items():
        schema = adapter.json_schema(mode="serialization")
        shapes |= schema["$defs"]
        unions.append(_union(name, [_type(member) for member in schema["oneOf"]]))
    page = MessagePage.model_json_schema(mode="serialization")
    shapes |= page.pop("$defs")
    shapes[MessagePage.__name__] = page
    interfaces = [_interface(name, schema) for name, schema in sorted(shapes.items())]
    return "\n\n".join([HEADING, *interfaces, *unions, _left_out()])


def _left_out() -> str:
    """By an event's type what its fields are that it comes without; deeper, those of the shapes in it."""
    kinds: tuple[type[Event], ...] = get_args(get_args(AnyEvent)[0])
    left_out = {kind.model_fields["type"].default: _filling(kind) for kind in kinds}
    return f"{LEFT_OUT_HEADING}\nexport const LEFT_OUT = {_literal(left_out)};"


def _filling(shape: type[Shape]) -> dict[str, Any]:
    filling = {name: value for name, value in defaults_of(shape).items() if name != "type"}
    for name, field in shape.model_fields.items():
        for inner in (field.annotation, *get_args(field.annotation)):
            if field.is_required() and isinstance(inner, type) and issubclass(inner, Shape):
                filling[name] = _filling(inner)
    return filling


def _literal(value: Any, indent: str = "") -> str:
    if not isinstance(value, dict):
        return json.dumps(value)
    inner = indent + "  "
    fields = [
        f"{inner}{name if name.isidentifier() else json.dumps(name)}: {_literal(field, inner)},\n"
        for name, field in value.items()
    ]
    return "{\n" + "".join(fields) + indent + "}"


def _interface(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    fields = [
        f"  {field}{'' if field in required else '?'}: {_type(value)};"
        for field, value in schema["properties"].items()
    ]
    return "\n".join([f"export interface {name} {{", *fields, "}"])


def _union(name: str, members: list[str]) -> str:
    line = f"export type {name} = {' | '.join(members)};"
    if len(line) <= LINE_LENGTH:
        return line
    return f"export type {name} =\n  | " + "\n  | ".join(members) + ";"


def _type(schema: dict[str, Any]) -> str:
    match schema:
        case {"$ref": str(reference)}:
            return reference.rpartition("/")[2]
        case {"const": str(value)}:
            return f'"{value}"'
        case {"enum": list(values)}:
            return " | ".join(f'"{value}"' for value in values)
        case {"anyOf": list(options)} | {"oneOf": list(options)}:
            return " | ".join(_type(option) for option in options)
        case {"type": "array", "items": dict(items)}:
            return f"{_type(items)}[]"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"Record<string, {_type(values)}>"
        case {"type": str(kind)} if kind in SIMPLE:
            return SIMPLE[kind]
    raise ValueError(f"There is no TypeScript for {schema!r} yet.")
