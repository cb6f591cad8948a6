"""Frames that no proper client sends: each gets an error and the socket lives, or the close that the protocol names."""

import json
from typing import Any

import pytest

from tests.consumers.raw import BINARY, TEXT, RawClient
from tests.consumers.stage import Cast, Stage

BAD_REQUEST = (3501, "bad request")
POST = '{"id":7,"publish":{"channel":"chat.feed","data":%s}}'

NOT_THE_PROTOCOL = {
    "no JSON": "hello",
    "half JSON": '{"id":7,"rpc":{',
    "null": "null",
    "a list": "[]",
    "a number": "7",
    "a string": '"connect"',
    "100 000 lists in each other": "[" * 100_000 + "]" * 100_000,
    "100 000 lists in a command": POST % ("[" * 100_000 + "]" * 100_000),
    "an id of 5 000 digits": '{"id":%s,"rpc":{"method":"me"}}' % ("9" * 5000),
    "an id below zero": '{"id":-1,"rpc":{"method":"me"}}',
    "an id that is none": '{"id":"7","rpc":{"method":"me"}}',
    "an id that is true": '{"id":true,"rpc":{"method":"me"}}',
    "an id that is a fraction": '{"id":7.5,"rpc":{"method":"me"}}',
    "an id too large": '{"id":4294967296,"rpc":{"method":"me"}}',
    "no id": '{"rpc":{"method":"me"}}',
    "an id of null": '{"id":null,"rpc":{"method":"me"}}',
    "two ids": '{"id":7,"id":8,"rpc":{"method":"me"}}',
}


@pytest.mark.parametrize("name", NOT_THE_PROTOCOL)
def test_what_is_not_the_protocol_closes_the_socket(stage: Stage, cast: Cast, name: str) -> None:
    with RawClient(stage) as mallory:
        mallory.connect(cast.charlie)
        mallory.say(NOT_THE_PROTOCOL[name])
        assert mallory.close_said() == BAD_REQUEST


REFUSED = {
    "NaN": POST % '{"text":"x","client_id":NaN}',
    "infinity": POST % '{"text":"x","client_id":-Infinity}',
    "a number too large": POST % '{"text":"x","client_id":1e999}',
    "a number of 5 000 digits": POST % ('{"text":%s}' % ("9" * 5000)),
    "a lone surrogate": POST % r'{"text":"\ud800"}',
    "NUL": POST % r'{"text":"a\u0000b"}',
    "a key twice": POST % '{"text":"x","text":"y"}',
    "a text that is none": POST % '{"text":["x"]}',
    "data that are none": POST % '"x"',
    "no data": '{"id":7,"publish":{"channel":"chat.feed"}}',
    "a body that is a list": '{"id":7,"publish":["x"]}',
    "a body that is a string": '{"id":7,"publish":"x"}',
    "a text of 8 001 characters": POST % json.dumps({"text": "x" * 8001}),
    "more than 64 KiB": POST % json.dumps({"text": "x" * 65 * 1024}),
    "900 lists in each other": POST % ('{"text":%s}' % ("[" * 900 + "]" * 900)),
    "an offset below zero": '{"id":7,"subscribe":{"channel":"chat.feed","recover":true,"offset":-1}}',
    "an offset too large": '{"id":7,"subscribe":{"channel":"chat.feed","recover":true,"offset":9223372036854775807}}',
    "a limit that is none": '{"id":7,"history":{"channel":"chat.feed","limit":"all"}}',
    "a long name": '{"id":7,"subscribe":{"channel":"chat.%s"}}' % ("x" * 1000),
    "NUL in a name": r'{"id":7,"history":{"channel":"chat.\u0000","limit":1}}',
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_request_is_refused_and_the_socket_lives(stage: Stage, cast: Cast, name: str) -> None:
    with RawClient(stage) as mallory:
        mallory.connect(cast.charlie)
        mallory.say(REFUSED[name])
        reply = mallory.line()
        assert reply["id"] == 7
        assert reply["error"]["code"] == 107
        assert reply["error"]["message"]
        assert reply["error"]["message"].isascii()
        assert "temporary" not in reply["error"]
        assert mallory.is_alive()


def test_strange_names_are_denied_like_any_other(stage: Stage, cast: Cast) -> None:
    names = (
        "",
        "chat.",
        "chat.ünï",
        "chat.a b",
        "chat.%",
        "chat.'",
        "chat.*",
        "user.",
        "user.1",
        "user.None",
    )
    with RawClient(stage) as mallory:
        mallory.connect(cast.charlie)
        for name in (*names, "chat." + "x" * 95, "user.²", "hub.1", "chat", "CHAT.feed", "chat.feed\n"):
            for method, more in (
                ("subscribe", {}),
                ("publish", {"data": {"text": "x"}}),
                ("history", {"limit": 1}),
                ("presence", {}),
                ("presence_stats", {}),
            ):
                error = mallory.ask_for(method, channel=name, **more)["error"]
                assert error["code"] in ((103, 107) if method == "publish" else (103,)), (name, method, error)
        assert mallory.is_alive()


def test_a_strange_name_in_a_batch_spoils_nothing_for_its_neighbours(stage: Stage, cast: Cast) -> None:
    with RawClient(stage) as alice, RawClient(stage) as bob:
        alice.connect(cast.alice)
        bob.connect(cast.bob)
        names = ("chat.ünï", "chat.feed", "chat." + "x" * 95)
        alice.tell(*({"id": 10 + at, "subscribe": {"channel": name}} for at, name in enumerate(names)))
        replies = {reply["id"]: reply for reply in (alice.line() for _ in names)}
        assert [replies[each].keys() - {"id"} for each in (10, 11, 12)] == [
            {"error"},
            {"subscribe"},
            {"error"},
        ]
        bob.ask_for("publish", channel="chat.feed", data={"text": "at once"})
        heard = alice.line()["push"]
        assert heard["pub"]["data"]["message"]["text"] == "at once"


def test_an_unknown_method_is_refused(stage: Stage, cast: Cast) -> None:
    with RawClient(stage) as mallory:
        mallory.connect(cast.charlie)
        for command in ({"id": 7}, {"id": 7, "sub_refresh": {}}, {"id": 7, "dance": {"how": "well"}}):
            mallory.tell(command)
            assert mallory.line() == {"id": 7, "error": {"code": 104, "message": "method not found"}}
        assert mallory.is_alive()


def test_a_batch_is_answered_line_by_line_in_order(stage: Stage, cast: Cast) -> None:
    with RawClient(stage) as alice:
        commands = [
            {"id": 1, "connect": {"token": cast.alice.token}},
            {"id": 2, "subscribe": {"channel": "chat.feed"}},
            {},
            {"send": {"data": {"nobody": "listens"}}},
            {"id": 3, "rpc": {"method": "me", "data": {}}},
            {"id": 4, "rpc": {"method": "dance"}},
            {"id": 5, "unsubscribe": {"channel": "chat.feed"}},
            {"id": 6, "unsubscribe": {"channel": "chat.feed"}},
            {"id": 7, "presence_stats": {"channel": "chat.feed"}},
        ]
        text = "\n".join(json.dumps(command) for command in commands)
        alice.say(f"\n{text}\n\r\n \n")
        replies = [alice.line() for _ in range(7)]
        assert [reply["id"] for reply in replies] == [1, 2, 3, 4, 5, 6, 7]
        assert [next(iter(reply.keys() - {"id"})) for reply in replies] == [
            *("connect", "subscribe", "rpc", "error", "unsubscribe", "unsubscribe", "presence_stats")
        ]
        assert replies[4]["unsubscribe"] == {}


def test_a_thousand_subscriptions_come_in_one_frame_with_the_connect(stage: Stage, cast: Cast) -> None:
    """As the JavaScript SDK sends them after a reconnect: more than 64 KiB before anybody has connected."""
    with RawClient(stage) as alice:
        place = {"recover": True, "epoch": "00000000", "offset": 123_456, "flag": 1}
        subscribes = [
            {"id": 2 + number, "subscribe": {"channel": f"chat.no-such-room-{number:04}", **place}}
            for number in range(1000)
        ]
        alice.tell({"id": 1, "connect": {"token": cast.alice.token}}, *subscribes)
        assert alice.line()["connect"]["client"]
        assert {alice.line()["error"]["code"] for _ in subscribes} == {103}
        assert alice.is_alive()


def test_a_frame_may_have_512_kib_and_no_more(stage: Stage, cast: Cast) -> None:
    with RawClient(stage) as mallory:
        mallory.connect(cast.charlie)
        mallory.send_frame(TEXT, b" " * (512 * 1024))
        assert mallory.is_alive()
        mallory.send_frame(TEXT, b" " * (512 * 1024 + 1))
        assert mallory.close_said()[0] == 1009


def test_more_commands_than_anybody_needs_at_once_are_too_many(stage: Stage, cast: Cast) -> None:
    with RawClient(stage) as mallory:
        mallory.connect(cast.charlie)
        mallory.say("\n".join('{"id":1,"rpc":{}}' for _ in range(20_000)))
        assert mallory.close_said() == (3013, "too many commands")


def test_the_wrong_kind_of_frame_is_a_bad_request(stage: Stage, cast: Cast) -> None:
    with RawClient(stage) as mallory:
        mallory.connect(cast.charlie)
        mallory.send_frame(BINARY, b"\x00\x01\x02")
        assert mallory.close_said() == BAD_REQUEST
    with RawClient(stage, headers="Sec-WebSocket-Protocol: centrifuge-protobuf\r\n") as mallory:
        mallory.say('{"id":1,"connect":{}}')
        assert mallory.close_said() == BAD_REQUEST


BROKEN_PROTOBUF = {
    "a length cut short": b"\xff",
    "an endless length": b"\xff" * 20,
    "a message cut short": b"\x05\x08",
    "no message": b"\x03\xff\xff\xff",
    "a command without an id": b"\x02\x22\x00",
}


@pytest.mark.parametrize("name", BROKEN_PROTOBUF)
def test_broken_protobuf_closes_the_socket(stage: Stage, name: str) -> None:
    with RawClient(stage, path="/connection/websocket?format=protobuf") as mallory:
        mallory.send_frame(BINARY, BROKEN_PROTOBUF[name])
        assert mallory.close_said() == BAD_REQUEST


@pytest.mark.parametrize("command", ["publish", "rpc", "subscribe", "history", "refresh", "unsubscribe"])
def test_nothing_is_done_before_connecting(stage: Stage, command: str) -> None:
    body: dict[str, Any] = {"channel": "chat.feed", "method": "me", "token": "x", "data": {}}
    with RawClient(stage) as mallory:
        mallory.tell({"id": 1, command: body})
        assert mallory.close_said() == BAD_REQUEST


def test_connecting_twice_is_a_bad_request(stage: Stage, cast: Cast) -> None:
    with RawClient(stage) as mallory:
        mallory.connect(cast.charlie)
        mallory.tell({"id": 9, "connect": {"token": cast.alice.token}})
        assert mallory.close_said() == BAD_REQUEST


@pytest.mark.parametrize("token", ["x", "x" * 5000, "ticket.", "ticket.unknown", "Ünï", "' OR 1=1 --", "\n"])
def test_after_a_failed_connect_nothing_else_is_answered(stage: Stage, token: str) -> None:
    with RawClient(stage) as mallory:
        mallory.tell(
            {"id": 1, "connect": {"token": token}},
            {"id": 2, "subscribe": {"channel": "chat.feed"}},
            {"id": 3, "rpc": {"method": "me"}},
        )
        reply = mallory.line()
        assert reply["id"] == 1
        assert reply["error"]["code"] in {101, 107, 109}
        assert mallory.is_silent_for(0.3)


def test_the_same_stream_is_not_followed_twice(stage: Stage, cast: Cast) -> None:
    with RawClient(stage) as alice:
        alice.connect(cast.alice)
        alice.ask_for("subscribe", channel="chat.feed")
        error = {"code": 105, "message": "already subscribed"}
        assert alice.ask_for("subscribe", channel="chat.feed")["error"] == error
        alice.tell(*({"id": 20 + at, "subscribe": {"channel": cast.alice.stream}} for at in range(2)))
        answers = [alice.line() for _ in range(2)]
        assert sorted(each.get("error", {}).get("code", 0) for each in answers) == [0, 105]
