"""Encodes answers: shapes straight to JSON, and events as the log has encoded them."""

import json
from typing import Any

import orjson
from pydantic import BaseModel
from rest_framework.renderers import BaseRenderer


def encode(answer: Any) -> bytes:
    return orjson.dumps(answer, default=_encode_shape)


def already_encoded(json_text: bytes) -> orjson.Fragment:
    """JSON that goes into an answer as it is."""
    return orjson.Fragment(json_text)


def _encode_shape(value: Any) -> orjson.Fragment:
    if isinstance(value, BaseModel):
        return orjson.Fragment(value.model_dump_json())
    raise TypeError(f"An answer cannot hold a {type(value).__name__}.")


class AnswerRenderer(BaseRenderer):
    """Compact JSON; indented where the browsable API shows it to people."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        if data is None:
            return b""
        encoded = encode(data)
        if renderer_context and renderer_context.get("indent"):
            return json.dumps(json.loads(encoded), indent=2, ensure_ascii=False).encode()
        return encoded
