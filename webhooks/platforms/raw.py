"""What a platform sent, as the journal can keep it whatever it is."""

import hashlib
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


def understood(model: type[Model], raw: Any) -> Model:
    """What it says, as far as the model goes. A null is as good as nothing, which is looked at only where it matters.
    Raises `ValidationError`.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        try:
            return model.model_validate(_without_nulls(raw))
        except (ValidationError, RecursionError):
            raise error from None


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value


def moment(seconds: float) -> datetime | None:
    """The platform's time, if it is one."""
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 2**32 else None


def kept(raw: Any) -> dict[str, Any]:
    """An event as the journal can keep it: one that is nested too deeply, or no object, is kept as words."""
    try:
        orjson.dumps(raw)
    except TypeError:
        return {"unreadable": repr(raw)[:4000]}
    return raw if isinstance(raw, dict) else {"unreadable": raw}


def name_of(raw: Any) -> str:
    """What an event is called that has no id: the same whenever it comes."""
    return f"unknown-{hashlib.sha256(repr(raw).encode()).hexdigest()[:40]}"


def why_not(error: ValidationError) -> str:
    """Where it differs from what we know, without its contents."""
    found = ("{} at {}".format(each["type"], ".".join(map(str, each["loc"]))) for each in error.errors()[:3])
    return f"Its shape is unknown: {', '.join(found)}."[:250]
