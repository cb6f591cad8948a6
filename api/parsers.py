"""Reads bodies: JSON strictly, and never more than a body may have."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.http import QueryDict
from rest_framework.parsers import BaseParser, FormParser

from api.errors import TooLarge
from messaging.strict_json import loads


def _read(stream: IO[Any]) -> bytes:
    raw: bytes = stream.read(settings.MAX_BODY_BYTES + 1)
    if len(raw) > settings.MAX_BODY_BYTES:
        raise TooLarge
    return raw


def json_of(raw: bytes) -> Any:
    """A JSON body; one that is not there says nothing."""
    return loads(raw) if raw else {}


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return json_of(_read(stream))


class BoundedFormParser(FormParser):
    """Forms, as `curl --data` and browsers send them."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return QueryDict(_read(stream), encoding="utf-8")
