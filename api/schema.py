"""The door's description in OpenAPI, made from the same commands and shapes that the door works with."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import BaseModel, ConfigDict, RootModel, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from api.errors import Problem
from api.resource import KEY_PATTERN
from messaging.commands import MAX_CLIENT_ID_LENGTH, Command

F = TypeVar("F", bound=Callable[..., Any])

REFUSALS = {
    400: "The request is wrong: `invalid`, `invalid_json` …; `fields` says where.",
    401: "`unauthorized`, `token_expired`.",
    403: "Not allowed: `forbidden`, `csrf_failed`.",
    404: "Unknown, or not for you to know.",
    409: "The state of things forbids it.",
    429: "Come back after `retry_after_s` (also in the header Retry-After): `too_many`.",
    503: "A part is down: `unavailable`. The same request may work later; with the same key it happens once.",
}

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": MAX_CLIENT_ID_LENGTH, "pattern": f"^{KEY_PATTERN}$"},
    OpenApiParameter.HEADER,
    description="The same as `client_id` in the body.",
)


def body_of(
    command: type[Command],
    *,
    without: Iterable[str] = (),
    name: str = "",
    may_be_empty: bool = True,
    **needed: Any,
) -> type[BaseModel]:
    """A command as a body describes it: `without` what the path says; `needed` must be there in this place."""
    fields: dict[str, Any] = {
        field_name: (field.annotation, field)
        for field_name, field in command.model_fields.items()
        if field_name not in without
    }
    fields |= {field_name: (kind, ...) for field_name, kind in needed.items()}
    more: dict[str, Any] = {} if may_be_empty else {"minProperties": 1}
    config = ConfigDict(extra="forbid", json_schema_extra=more)
    body = create_model(name or f"{command.__name__}Body", __config__=config, **fields)
    body.__doc__ = command.__doc__
    return body


def either(name: str, *models: type[BaseModel]) -> type[BaseModel]:
    """One of several shapes."""
    choice: Any = reduce(or_, models)
    return create_model(name, __base__=RootModel[choice])


def operation(
    summary: str,
    *,
    answers: Mapping[int, type[BaseModel] | None],
    refuses: Mapping[int, str] | None = None,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    headers: Sequence[OpenApiParameter] = (),
    description: str = "",
    example: Mapping[str, Any] | None = None,
    methods: Sequence[str] | None = None,
    public: bool = False,
    anonymous: bool = False,
) -> Callable[[F], F]:
    """Describes an operation. `public`: credentials are welcome and not needed. `anonymous`: they are not looked at."""
    codes = {400, 429, 503} | (set() if anonymous else {401, 403}) | (refuses or {}).keys()
    responses: dict[Any, Any] = {
        status: OpenApiResponse(shape, description=(shape.__doc__ or "Done.") if shape else "Done; no body.")
        for status, shape in answers.items()
    }
    for status in sorted(codes):
        told = (refuses or {}).get(status)
        text = REFUSALS[status] + (f" Here: {told}." if told else "")
        responses[status] = OpenApiResponse(Problem, description=text)
    security: list[Any] = [] if anonymous else [{"token": []}, {"session": []}, *([{}] if public else [])]
    return extend_schema(
        summary=summary,
        description=description,
        request=body,
        responses=responses,
        parameters=[*_parameters(query), *headers],
        examples=[OpenApiExample("Example", value=example, request_only=True)] if example else None,
        methods=methods,
        auth=security,
    )


def _parameters(query: type[BaseModel] | None) -> list[OpenApiParameter]:
    if query is None:
        return []
    schema = query.model_json_schema(schema_generator=_Plain)
    return [
        OpenApiParameter(
            name, _not_null(field), OpenApiParameter.QUERY, description=field.pop("description", "")
        )
        for name, field in schema["properties"].items()
    ]


def _not_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    """A parameter that may be left out; null is nothing that a query could say."""
    schema.pop("default", None) if schema.get("default") is None else None
    for choice in schema.pop("anyOf", ()):
        if choice != {"type": "null"}:
            schema.update(choice)
    return schema


class _Plain(GenerateJsonSchema):
    """Without the titles that repeat the fields' names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _component(name: str, schema: JsonSchemaValue) -> ResolvedComponent:
    return ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, schema=schema, object=name)


class ShapeExtension(OpenApiSerializerExtension):
    """Lets pydantic describe its own models: commands as they are read, shapes as they are written."""

    target_class = "pydantic.BaseModel"
    match_subclasses = True
    priority = 1

    def get_name(self, auto_schema: AutoSchema, direction: str) -> str:
        name: str = self.target.__name__
        return name

    def get_identity(self, auto_schema: AutoSchema, direction: str) -> str:
        return self.get_name(auto_schema, direction)

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> JsonSchemaValue:
        schema: JsonSchemaValue = self.target.model_json_schema(
            ref_template="#/components/schemas/{model}",
            mode="validation" if direction == "request" else "serialization",
            schema_generator=_Plain,
        )
        for name, part in schema.pop("$defs", {}).items():
            auto_schema.registry.register_on_missing(_component(name, part))
        return schema


class DoorSchema(AutoSchema):
    """Names JSON as what to send (forms are taken too), and knows of the bodies that djoser's DELETE has."""

    def map_parsers(self) -> list[str]:
        return ["application/json"]

    def get_tags(self) -> list[str]:
        return ["accounts"] if self.path.startswith("/auth/") else super().get_tags()

    def get_operation_id(self) -> str:
        words = re.findall(r"\w+", self.path.removeprefix("/api/"))
        return "_".join([self.method.lower(), *words])

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        described = super().get_operation(*args, **kwargs)
        if described is None:
            return None
        body: Any = self.get_request_serializer()
        if not (isinstance(body, type) and issubclass(body, BaseModel)):
            return described
        if self.method == "DELETE":
            named: Any = body  # ours, which the types do not know of
            reference = self.resolve_serializer(named, "request").ref
            described["requestBody"] = {"content": {"application/json": {"schema": reference}}}
        if any(field.is_required() for field in body.model_fields.values()):
            described["requestBody"]["required"] = True
        return described
