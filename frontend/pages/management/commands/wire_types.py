"""`manage.py wire_types`: the catalogue of events in TypeScript, as the scripts of the pages import it."""

from typing import Any

from django.core.management.base import BaseCommand
from pydantic import TypeAdapter

from messaging.events import AnyDoorbell, AnyEvent
from messaging.queries.messages import MessagePage

LINE_LENGTH = 110
HEADING = """/** What the server sends, generated from its catalogue: `python manage.py wire_types > frontend/src/wire.ts` */"""
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
    return "\n\n".join([HEADING, *interfaces, *unions])


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
