"""How the protocol looks in bytes: JSON, one object a line, and Protobuf, each message after its length.

Frames that go to many sockets are finished here once per encoding, header and all. What we send is one whole message
per frame: a client that gets half of one goes mute.
"""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, Protocol

import orjson
from centrifuge.protocol import client_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from consumers.protocol import METHODS, PONG, BadFrame, Command, ProtocolError, command_of
from consumers.wire import binary_frame, text_frame
from messaging import strict_json
from messaging.errors import Invalid
from messaging.queries.events import Encoded

JoinOrLeave = Literal["join", "leave"]


class EncodedJson:
    """JSON that is ready to be sent, standing for its value inside a reply."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw = raw


class Publications(list[Encoded]):
    """Events as they stand inside a reply: made into JSON once, however many recover the same."""

    @cached_property
    def as_json(self) -> bytes:
        return b"[%s]" % b",".join(b'{"data":%s,"offset":%d}' % (encoded, seq) for seq, _, encoded in self)


class Dialect(Protocol):
    """How one kind of client is told what a stream carries. An empty frame is not sent."""

    def event_frame(self, stream: str, seq: int, encoded: bytes) -> bytes:
        """An event of a log, from its JSON."""

    def doorbell_frame(self, stream: str, encoded: bytes) -> bytes:
        """The same without a number, which leaves a client's position alone."""

    def presence_frame(self, stream: str, kind: JoinOrLeave, info: dict[str, Any]) -> bytes:
        """Somebody came or went."""


class Encoding(Dialect, Protocol):
    """One form of the Centrifuge protocol, both ways."""

    ping_frame: bytes
    subprotocol: str

    def decode(self, message: str | bytes) -> list[Command]:
        """The commands of one WebSocket message, in order. Raises `BadFrame`."""

    def reply_frame(self, command: Command, result: dict[str, Any]) -> bytes:
        """The result of a command; it is there even if it is empty, or clients wait for ever."""

    def error_frame(self, command: Command, error: ProtocolError) -> bytes:
        """The answer to a command that failed."""

    def unsubscribe_frame(self, stream: str, code: int, reason: str) -> bytes:
        """The end of a subscription that the client did not ask for."""

    def disconnect_frame(self, code: int, reason: str) -> bytes:
        """The word before a close that the server would not explain."""


def publication(seq: int, encoded: bytes) -> dict[str, Any]:
    """An event as it stands inside a reply."""
    return {"data": EncodedJson(encoded), "offset": seq}


class CentrifugeJson:
    """Text frames; commands may come several in one, one a line."""

    ping_frame = text_frame(b"{}")
    subprotocol = "centrifuge-json"

    def decode(self, message: str | bytes) -> list[Command]:
        if isinstance(message, bytes):
            raise BadFrame("JSON comes in text frames.")
        return [self._command(line) for line in message.split("\n") if line.strip()]

    def _command(self, line: str) -> Command:
        try:
            raw = strict_json.loads(line)
        except Invalid as error:
            return self._refused(line, error)
        if raw == {}:
            return PONG
        command_id, method = self._head(raw)
        return command_of(command_id, method, raw.get(method) or {}, size=len(line))

    def _refused(self, line: str, error: Invalid) -> Command:
        """A command that says something we do not take, such as NUL or NaN, is refused by its id if it can be read: a
        text that somebody pasted must not cost them the connection.
        """
        try:
            raw = json.loads(line, parse_int=_small, object_pairs_hook=_with_certain_id)
        except (ValueError, RecursionError):
            raise BadFrame(error.sentence) from None
        command_id, method = self._head(raw)
        if not command_id:
            raise BadFrame(error.sentence)
        return Command(command_id, method, ProtocolError(107, f"bad request: {error.sentence}"))

    @staticmethod
    def _head(raw: Any) -> tuple[int, str]:
        if not isinstance(raw, dict):
            raise BadFrame("A command is an object.")
        command_id = raw.get("id", 0)
        if not isinstance(command_id, int) or isinstance(command_id, bool) or not 0 <= command_id < 2**32:
            raise BadFrame("A command's id is a small whole number.")
        return command_id, next((name for name in METHODS if name in raw), "")

    def reply_frame(self, command: Command, result: dict[str, Any]) -> bytes:
        return _json_frame({"id": command.id, command.method: result})

    def error_frame(self, command: Command, error: ProtocolError) -> bytes:
        return _json_frame({"id": command.id, "error": _error_body(error)})

    def unsubscribe_frame(self, stream: str, code: int, reason: str) -> bytes:
        return _json_frame({"push": {"channel": stream, "unsubscribe": {"code": code, "reason": reason}}})

    def disconnect_frame(self, code: int, reason: str) -> bytes:
        return _json_frame({"push": {"disconnect": {"code": code, "reason": reason}}})

    def event_frame(self, stream: str, seq: int, encoded: bytes) -> bytes:
        return text_frame(
            b'{"push":{"channel":"%s","pub":{"data":%s,"offset":%d}}}' % (stream.encode(), encoded, seq)
        )

    def doorbell_frame(self, stream: str, encoded: bytes) -> bytes:
        return text_frame(b'{"push":{"channel":"%s","pub":{"data":%s}}}' % (stream.encode(), encoded))

    def presence_frame(self, stream: str, kind: JoinOrLeave, info: dict[str, Any]) -> bytes:
        return _json_frame({"push": {"channel": stream, kind: {"info": info}}})


def _small(digits: str) -> int:
    return int(digits) if len(digits) <= 10 else -1


def _with_certain_id(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, without its `id` if it has two: nobody could know which of them waits for an answer."""
    found = dict(pairs)
    if [key for key, _ in pairs].count("id") > 1:
        del found["id"]
    return found


def _json_frame(value: Any) -> bytes:
    # Or orjson would take publications for lists.
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS
    return text_frame(orjson.dumps(value, default=_embed, option=options))


def _embed(value: Any) -> orjson.Fragment:
    if isinstance(value, EncodedJson):
        return orjson.Fragment(value.raw)
    if isinstance(value, Publications):
        return orjson.Fragment(value.as_json)
    raise TypeError(f"{type(value)} has no JSON form.")


class CentrifugeProtobuf:
    """Binary frames; what people send is JSON also here, inside the messages' `data`."""

    ping_frame = binary_frame(b"\x00")
    subprotocol = "centrifuge-protobuf"

    def decode(self, message: str | bytes) -> list[Command]:
        if isinstance(message, str):
            raise BadFrame("Protobuf comes in binary frames.")
        return [self._command(each) for each in _split(message)]

    def _command(self, raw: bytes) -> Command:
        command = client_pb2.Command()
        try:
            command.ParseFromString(raw)
        except DecodeError:
            raise BadFrame("That is not a command.") from None
        if not raw:
            return PONG
        method = next((name for name in METHODS if command.HasField(name)), "")
        if not method:
            return command_of(command.id, "", {}, size=len(raw))
        try:
            body = _fields_of(getattr(command, method))
        except Invalid as error:
            return Command(command.id, method, ProtocolError(107, f"bad request: {error.sentence}"))
        return command_of(command.id, method, body, size=len(raw))

    def reply_frame(self, command: Command, result: dict[str, Any]) -> bytes:
        reply = client_pb2.Reply(id=command.id)
        part = getattr(reply, command.method)
        part.SetInParent()
        _fill(part, result)
        return _delimited(reply)

    def error_frame(self, command: Command, error: ProtocolError) -> bytes:
        return _delimited(client_pb2.Reply(id=command.id, error=client_pb2.Error(**_error_body(error))))

    def unsubscribe_frame(self, stream: str, code: int, reason: str) -> bytes:
        return self._push(channel=stream, unsubscribe=client_pb2.Unsubscribe(code=code, reason=reason))

    def disconnect_frame(self, code: int, reason: str) -> bytes:
        return self._push(disconnect=client_pb2.Disconnect(code=code, reason=reason))

    def event_frame(self, stream: str, seq: int, encoded: bytes) -> bytes:
        return self._push(channel=stream, pub=client_pb2.Publication(data=encoded, offset=seq))

    def doorbell_frame(self, stream: str, encoded: bytes) -> bytes:
        return self._push(channel=stream, pub=client_pb2.Publication(data=encoded))

    def presence_frame(self, stream: str, kind: JoinOrLeave, info: dict[str, Any]) -> bytes:
        push = client_pb2.Push(channel=stream)
        _fill(push, {kind: {"info": info}})
        return _delimited(client_pb2.Reply(push=push))

    def _push(self, **fields: Any) -> bytes:
        return _delimited(client_pb2.Reply(push=client_pb2.Push(**fields)))


def _delimited(message: Message) -> bytes:
    raw = message.SerializeToString()
    return binary_frame(_varint(len(raw)) + raw)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _split(raw: bytes) -> list[bytes]:
    """The messages of a frame, each after its length as a varint."""
    messages = []
    at = 0
    while at < len(raw):
        length = shift = 0
        while True:
            if at >= len(raw) or shift > 28:
                raise BadFrame("A message's length is cut short.")
            byte = raw[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        if at + length > len(raw):
            raise BadFrame("A message is cut short.")
        messages.append(raw[at : at + length])
        at += length
    return messages


def _fields_of(message: Message) -> dict[str, Any]:
    """The fields of a request that are set, bytes read as JSON. Raises `Invalid`."""
    fields: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_BYTES:
            fields[field.name] = strict_json.loads(value)
        elif field.type != FieldDescriptor.TYPE_MESSAGE:
            fields[field.name] = value
        elif field.name == "since":
            fields[field.name] = _fields_of(value)
    return fields


def _fill(message: Message, fields: Mapping[str, Any]) -> None:
    """Sets a message's fields from a result as JSON has it."""
    for name, value in fields.items():
        field = message.DESCRIPTOR.fields_by_name[name]
        target = getattr(message, name)
        if field.type == FieldDescriptor.TYPE_BYTES:
            setattr(message, name, value.raw if isinstance(value, EncodedJson) else _json_bytes(value))
        elif field.type != FieldDescriptor.TYPE_MESSAGE:
            setattr(message, name, value)
        elif isinstance(value, Publications):
            for seq, _, encoded in value:
                target.add(data=encoded, offset=seq)
        elif isinstance(value, list):
            for item in value:
                _fill(target.add(), item)
        elif field.message_type is not None and field.message_type.GetOptions().map_entry:
            for key, item in value.items():
                _fill(target[key], item)
        else:
            target.SetInParent()
            _fill(target, value)


def _json_bytes(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)


def _error_body(error: ProtocolError) -> dict[str, Any]:
    body: dict[str, Any] = {"code": error.code, "message": error.message or "error"}
    return body | {"temporary": True} if error.temporary else body


JSON = CentrifugeJson()
PROTOBUF = CentrifugeProtobuf()


def encoding_of(scope: Mapping[str, Any]) -> Encoding:
    """What the client speaks: it offers a subprotocol, or says so in the address."""
    query = scope.get("query_string", b"").decode("latin-1").split("&")
    if PROTOBUF.subprotocol in (scope.get("subprotocols") or ()):
        return PROTOBUF
    return PROTOBUF if {"format=protobuf", "cf_protocol=protobuf"} & set(query) else JSON
