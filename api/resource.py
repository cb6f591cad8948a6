"""What all resources share: who asks, and the request's words as commands."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

from django.http import HttpRequest, QueryDict
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language_from_request, override
from pydantic import BaseModel, ConfigDict, Field
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from messaging.commands import FEED_URI, Command
from messaging.errors import Invalid, Unauthorized
from messaging.queries.devices import device_of_session

if TYPE_CHECKING:
    from messaging.models import Token, User

KEY_PATTERN = r"[\x21-\x7e]+"

C = TypeVar("C", bound=Command)
Q = TypeVar("Q", bound="Query")


class Resource(APIView):
    """A view of this door."""

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        if request.encoding is not None:
            # Text is UTF-8: no client chooses another codec for us by its Content-Type.
            request.encoding = "utf-8"
        return super().initialize_request(request, *args, **kwargs)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """What Django says of a field, of a password above all, it says in the reader's language: `Accept-Language`."""
        with override(get_language_from_request(request)):
            response = super().dispatch(request, *args, **kwargs)
        patch_vary_headers(response, ["Accept-Language"])
        return cast("Response", response)


class SignedInOrFeed(BasePermission):
    """The feed is the one chat that may be read without an account."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        reads_feed = request.method in SAFE_METHODS and view.kwargs.get("uri") == FEED_URI
        return reads_feed or request.user.is_authenticated


class Query(BaseModel):
    """What a resource takes after the question mark."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Paged(Query):
    """A list that is read page by page."""

    limit: Annotated[int, Field(ge=1, le=100, description="How many at most.")] = 50


def signed_in(request: Request) -> "User":
    user = request.user
    if not user.is_authenticated:
        raise Unauthorized("Sign in first.")
    return user


def token_of(request: Request) -> "Token | None":
    """The device's token that the request came with; None: it came with a page's session."""
    token: Any = request.auth
    return cast("Token | None", token)


def device_of(request: Request) -> str:
    """The id, among one's devices, of what the request came from."""
    token = token_of(request)
    return token.id if token is not None else device_of_session(request.session)


def reader(request: Request) -> "User | None":
    """Who reads; None: anonymous."""
    return request.user if request.user.is_authenticated else None


def body_as(request: Request, command: type[C], **known: object) -> C:
    """The body as a command, together with what is `known` from the path and the headers.

    JSON must have the exact types; in a form everything is text and taken for what it says.
    """
    body: object = request.data
    if isinstance(body, QueryDict):
        return command_from(body.dict(), command, known, strict=False)
    return command_from(body, command, known)


def command_from(body: object, command: type[C], known: Mapping[str, object], *, strict: bool = True) -> C:
    """The same of a body that has been decoded."""
    if not isinstance(body, Mapping):
        raise Invalid("The body must be a JSON object.")
    for name in known.keys() & body.keys():
        if body[name] != known[name]:
            raise Invalid(
                f"`{name}` in the body is not the one of the request.", fields={name: ["contradicts"]}
            )
    return command.model_validate({**body, **known}, strict=strict)


def query_as(request: Request, query: type[Q]) -> Q:
    return query.model_validate(request.query_params.dict())


def idempotency_key(request: Request) -> dict[str, str]:
    """The header `Idempotency-Key` as the field that it stands for, if it was sent."""
    return client_id_of(request.headers.get("Idempotency-Key"))


def client_id_of(key: str | None) -> dict[str, str]:
    """The same of the header's value."""
    if key is None:
        return {}
    if not re.fullmatch(KEY_PATTERN, key):
        raise Invalid("An Idempotency-Key is made of visible ASCII characters.")
    return {"client_id": key}
