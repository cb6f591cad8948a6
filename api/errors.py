"""How errors are answered over HTTP: always as JSON, `{"code", "detail", "fields"?, …facts}`, with the right status."""

import logging
import math
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.urls import resolve
from django.views.decorators.csrf import csrf_exempt
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rest_framework import exceptions
from rest_framework.response import Response

from api.rendering import AnswerRenderer, encode
from messaging.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    ParleyError,
    TooMany,
    Unauthorized,
    Unavailable,
)

logger = logging.getLogger("parley.api")

RETRY_AFTER_OUTAGE_S = 2
DEFECT = "It is our fault, and it has been written down."

STATUS: dict[type[ParleyError], int] = {
    Invalid: 400,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooMany: 429,
    Unavailable: 503,
}

# What REST framework refuses by itself, in our words.
FRAMEWORK_CODES = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many",
}


class Problem(BaseModel):
    """What every refusal looks like. `code` is stable: rely on it. Some codes bring further keys."""

    model_config = ConfigDict(extra="allow")

    code: str = Field(description="Stable; one word for programs.")
    detail: str = Field(description="One sentence for people; may change.")
    fields: dict[str, list[str]] = Field(
        default_factory=dict, description="What is wrong with which field. Not always there."
    )


class TooLarge(exceptions.APIException):
    status_code = 413
    default_code = "too_large"
    default_detail = "The request is too large."


def answer_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's EXCEPTION_HANDLER. None: this is a defect of ours, which Django logs and answers with 500."""
    status, problem, headers = explain(error)
    if status is None:
        return None
    if (request := context.get("request")) is not None:
        # An error is JSON whatever was asked for; the browsable API would need the very user that may be the error.
        request.accepted_renderer = AnswerRenderer()
        request.accepted_media_type = AnswerRenderer.media_type
    return Response(problem, status=status, headers=headers)


def explain(error: Exception) -> tuple[int | None, dict[str, Any], dict[str, str]]:
    """The status, body and headers of a refusal; no status: nobody has foreseen it."""
    status, problem = _explain(error)
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Token"
    if "retry_after_s" in problem:
        headers["Retry-After"] = str(math.ceil(problem["retry_after_s"]))
    return status, problem, headers


def _explain(error: Exception) -> tuple[int | None, dict[str, Any]]:
    match error:
        case ParleyError():
            status = next(status for kind, status in STATUS.items() if isinstance(error, kind))
            wait = {} if error.retry_after_s is None else {"retry_after_s": error.retry_after_s}
            return status, {"code": error.code, "detail": error.sentence, **wait, **error.facts}
        case ValidationError():
            return 400, _explain_validation(error)
        case OperationalError() | InterfaceError():
            logger.warning("The database did not do its part: %s", error)
            return 503, {
                "code": Unavailable.code,
                "detail": "A part of this service is down for the moment: try again.",
                "retry_after_s": RETRY_AFTER_OUTAGE_S,
            }
        case RequestDataTooBig():
            return _explain(TooLarge())
        case SuspiciousOperation():
            return _explain(Invalid("The request cannot be read."))
        case Http404():
            return _explain(exceptions.NotFound())
        case PermissionDenied():
            return _explain(exceptions.PermissionDenied())
        case exceptions.APIException():
            code = error.get_codes()
            own = isinstance(code, str) and code != error.default_code
            return error.status_code, {
                "code": code if own else FRAMEWORK_CODES.get(error.status_code, error.default_code),
                "detail": str(error.detail),
            }
    return None, {}


def _explain_validation(error: ValidationError) -> dict[str, Any]:
    fields: dict[str, list[str]] = {}
    for problem in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in problem["loc"]) or "body"
        fields.setdefault(name, []).append(problem["msg"].removeprefix("Value error, "))
    name, messages = next(iter(fields.items()))
    return {"code": Invalid.code, "detail": f"`{name}`: {messages[0]}.", "fields": fields}


@csrf_exempt
def answer_unknown_path(request: HttpRequest) -> HttpResponse:
    """Whatever is under /api/ and /auth/ and is nothing. What can be read leads on if only the last slash is missing."""
    if request.path_info.endswith("/"):
        return answer_plainly(404, NotFound.code, "There is nothing at this path.")
    is_known = resolve(f"{request.path_info}/").func is not answer_unknown_path
    if is_known and request.method in ("GET", "HEAD"):
        return HttpResponsePermanentRedirect(request.get_full_path(force_append_slash=True))
    return answer_plainly(404, NotFound.code, "There is nothing at this path; paths end with a slash.")


def answer_plainly(status: int, code: str, detail: str) -> HttpResponse:
    """An error where REST framework is not at work."""
    return HttpResponse(
        encode({"code": code, "detail": detail}), status=status, content_type=AnswerRenderer.media_type
    )


def explain_defect() -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer that a defect of ours has spoiled."""
    return 500, {}, encode({"code": "defect", "detail": DEFECT})
