"""What a platform sent, as the journal can keep it whatever it is."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import ValidationError


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
