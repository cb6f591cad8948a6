"""The Centrifuge client protocol, version 2: its commands, its errors and its codes, whatever the encoding.

Errors of the core become the protocol's here and nowhere else. How it looks in bytes is `consumers/encodings.py`.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.db import DatabaseError, InterfaceError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from messaging.errors import (
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    ParleyError,
    TooMany,
    Unauthorized,
    Unavailable,
)

VERSION = "parley 1"
MAX_FRAME_BYTES = 512 * 1024
MAX_COMMAND_BYTES = 64 * 1024


class Close(Enum):
    """Why a socket is closed: the code and the reason that goes with it. 3500 and up: do not come back."""

    SHUTDOWN = (3001, "shutdown")
    INTERNAL = (3004, "internal error")
    EXPIRED = (3005, "connection expired")
    SLOW = (3008, "slow")
    INSUFFICIENT_STATE = (3010, "insufficient state")
    NO_PONG = (3012, "no pong")
    TOO_MANY_COMMANDS = (3013, "too many commands")
    INVALID_TOKEN = (3500, "invalid token")
    BAD_REQUEST = (3501, "bad request")
    STALE = (3502, "stale")

    @property
    def code(self) -> int:
        return self.value[0]

    @property
    def reason(self) -> str:
        return self.value[1]


class Cut(Enum):
    """Why a subscription is ended. Below 2500 for good, above it clients subscribe again."""

    NO_LONGER_YOURS = (2000, "no longer allowed")
    INSUFFICIENT_STATE = (2500, "insufficient state")
    START_OVER = (2502, "start over")

    @property
    def code(self) -> int:
        return self.value[0]

    @property
    def reason(self) -> str:
        return self.value[1]


class ProtocolError(Exception):
    """A command is answered with this error; the socket lives."""

    def __init__(self, code: int, message: str, *, temporary: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.temporary = temporary


class BadFrame(Exception):
    """What came is not the protocol: the socket is closed with 3501."""


UNKNOWN = (103, "permission denied")
ALREADY_SUBSCRIBED = ProtocolError(105, "already subscribed")
TOO_MANY_SUBSCRIPTIONS = ProtocolError(106, "limit exceeded")
NOT_AVAILABLE = ProtocolError(108, "not available")
UNRECOVERABLE = ProtocolError(112, "unrecoverable position")


class _In(BaseModel):
    """What a client sends: only the fields we use are modelled, newer ones are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class StreamPosition(_In):
    offset: int = Field(default=0, ge=0, le=2**53)
    epoch: str = Field(default="", max_length=64)


class Connect(_In):
    token: str = Field(default="", max_length=4096)
    name: str = Field(default="", max_length=100)


class Subscribe(_In):
    channel: str = Field(max_length=100)
    recover: bool = False
    epoch: str = Field(default="", max_length=64)
    offset: int = Field(default=0, ge=0, le=2**53)
    join_leave: bool = False
    flag: int = 0

    @property
    def refuses_fresh_start(self) -> bool:
        """The client asked for error 112 instead of `recovered: false`."""
        return bool(self.flag & 2)


class OfChannel(_In):
    channel: str = Field(max_length=100)


class Publish(_In):
    channel: str = Field(max_length=100)
    data: dict[str, Any]


class Rpc(_In):
    method: str = Field(max_length=100)
    data: dict[str, Any] = Field(default_factory=dict)


class History(_In):
    channel: str = Field(max_length=100)
    limit: int = Field(default=0, ge=-1, le=2**31)
    since: StreamPosition | None = None
    reverse: bool = False


class Refresh(_In):
    token: str = Field(default="", max_length=4096)


class Ignored(_In):
    """A message without an answer (`send`): nothing here listens to those."""


_REQUESTS: dict[str, type[_In]] = {
    "connect": Connect,
    "subscribe": Subscribe,
    "unsubscribe": OfChannel,
    "publish": Publish,
    "rpc": Rpc,
    "history": History,
    "presence": OfChannel,
    "presence_stats": OfChannel,
    "refresh": Refresh,
    "send": Ignored,
}


@dataclass(frozen=True, slots=True)
class Command:
    """One command: `request` is its typed body, or the error to answer it with."""

    id: int
    method: str
    request: Any


PONG = Command(0, "pong", None)
METHODS = tuple(_REQUESTS)


def command_of(command_id: int, method: str, body: dict[str, Any], *, size: int) -> Command:
    """A decoded command, its body checked. Raises `BadFrame` for what has no place in the protocol."""
    if not command_id and method != "send":
        raise BadFrame("A command needs an id.")
    if not method:
        return Command(command_id, "", ProtocolError(104, "method not found"))
    if size > MAX_COMMAND_BYTES:
        return Command(command_id, method, ProtocolError(107, "bad request: the command is too large"))
    try:
        return Command(command_id, method, _REQUESTS[method].model_validate(body))
    except ValidationError as error:
        return Command(command_id, method, ProtocolError(107, f"bad request: {first_fault(error)}"))


def first_fault(error: ValidationError) -> str:
    """The first thing that is wrong, in plain ASCII words."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    return f"{where} {fault['msg']}".strip().encode("ascii", "replace").decode()[:200]


def protocol_error(error: Exception) -> ProtocolError | None:
    """What a command that failed like this is answered; None: nobody has foreseen it."""
    match error:
        case ProtocolError():
            return error
        case ValidationError():
            return ProtocolError(107, f"bad request: {first_fault(error)}")
        case Invalid():
            return ProtocolError(107, f"bad request: {_words(error)}")
        case Expired():
            return ProtocolError(109, "token expired")
        case Unauthorized():
            return ProtocolError(101, "unauthorized")
        case Forbidden() | NotFound():
            return ProtocolError(103, f"permission denied: {_words(error)}")
        case Conflict():
            return ProtocolError(409, _words(error))
        case TooMany():
            return ProtocolError(111, "too many requests", temporary=True)
        case Unavailable() | DatabaseError() | InterfaceError():
            return ProtocolError(100, "internal server error", temporary=True)
    return None


def _words(error: ParleyError) -> str:
    return f"{error.code}: {error.sentence}".encode("ascii", "replace").decode()
