"""HTTP as a stranger may try it: bodies without end, lines that are none, readers that do not read."""

import hashlib
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.testing import StringTransport

from asgi_app.http_protocol import Channel
from tests.asgi_app.conftest import OURS, ServerProcess
from tests.asgi_app.raw import RawConnection, get, parse, wait_for

MAX_BODY_BYTES = 1024 * 1024


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


HEAD = b"%b / HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "DELETE"])
@pytest.mark.parametrize("length", [0, 1, 100_000, MAX_BODY_BYTES])
def test_a_body_up_to_the_bound_arrives(server: ServerProcess, method: str, length: int) -> None:
    body = bytes(range(256)) * (length // 256) + bytes(length % 256)
    seen = get(server.port, "/", method=method, body=body).json()
    assert (seen["length"], seen["sha256"]) == (length, hashlib.sha256(body).hexdigest())


def test_a_chunked_body_up_to_the_bound_arrives(server: ServerProcess) -> None:
    with RawConnection(server.port) as alice:
        alice.send(HEAD % b"POST" + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        for _ in range(16):
            alice.send(chunk(bytes(MAX_BODY_BYTES // 16)))
        alice.send(chunk(b""))
        seen = parse(alice.read_to_end()).json()
    assert (seen["length"], seen["sha256"]) == (
        MAX_BODY_BYTES,
        hashlib.sha256(bytes(MAX_BODY_BYTES)).hexdigest(),
    )


@pytest.mark.parametrize("method", [b"POST", b"GET"])
def test_a_length_beyond_the_bound_is_refused_before_a_byte_of_it_is_read(
    server: ServerProcess, method: bytes
) -> None:
    with RawConnection(server.port) as mallory:
        mallory.send(HEAD % method + b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1))
        answer = parse(mallory.read_to_end())
    assert (answer.status, answer.body) == (413, b"413 Content Too Large\n")
    assert answer.headers["connection"] == "close"


def test_a_client_that_asks_before_it_sends_is_told_no_and_nothing_else(server: ServerProcess) -> None:
    with RawConnection(server.port) as polite:
        polite.send(HEAD % b"POST" + b"Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n")
        assert parse(polite.read_to_end()).status == 413


@pytest.mark.parametrize("method", [b"POST", b"GET"])
def test_chunks_beyond_the_bound_are_refused(server: ServerProcess, method: bytes) -> None:
    with RawConnection(server.port) as mallory:
        mallory.send(HEAD % method + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            mallory.send(chunk(bytes(64 * 1024)))
        # It goes on sending and still sees the answer, not a reset.
        answer = parse(mallory.read_to_end())
    assert (answer.status, answer.body) == (413, b"413 Content Too Large\n")


def test_a_client_that_sends_it_all_before_it_reads_sees_the_answer(server: ServerProcess) -> None:
    with RawConnection(server.port) as stubborn:
        stubborn.send(HEAD % b"POST" + b"Content-Length: 30000000\r\n\r\n")
        for _ in range(30):
            stubborn.send(bytes(1_000_000))
        assert parse(stubborn.read_to_end()).status == 413


def test_a_request_behind_a_refused_body_is_not_served(server: ServerProcess) -> None:
    with RawConnection(server.port) as mallory:
        body = chunk(bytes(MAX_BODY_BYTES + 1)) + chunk(b"")
        mallory.send(HEAD % b"POST" + b"Transfer-Encoding: chunked\r\n\r\n" + body + HEAD % b"GET" + b"\r\n")
        assert mallory.read_to_end().count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"G\xffT / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nBad Name: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\x0bb\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 3000 + b"\r\n",
    ],
)
def test_a_malformed_request_gets_a_small_plain_400(server: ServerProcess, request_bytes: bytes) -> None:
    with RawConnection(server.port) as mallory:
        mallory.send(request_bytes)
        answer = parse(mallory.read_until(b"\r\n\r\n"))
        assert answer.status == 400
        assert answer.headers["content-type"].startswith("text/plain")
        body = mallory.read(int(answer.headers["content-length"]))
        assert body.startswith(b"400 Bad Request")


def test_nobody_can_say_where_the_site_is_mounted(server: ServerProcess) -> None:
    seen = get(server.port, "/", headers={"Daphne-Root-Path": "/evil%FF", "X-Kept": "yes"}).json()
    assert seen["root_path"] == ""
    names = {name for name, _ in seen["headers"]}
    assert "x-kept" in names
    assert "daphne-root-path" not in names


def test_underscored_headers_do_not_pass_for_others(server: ServerProcess) -> None:
    seen = get(server.port, "/", headers={"X_Kept": "no"}).json()
    assert not [name for name, _ in seen["headers"] if "kept" in name]


def test_the_server_does_not_say_what_it_is(server: ServerProcess) -> None:
    assert "server" not in get(server.port, "/").headers


def test_one_connection_serves_many_requests(server: ServerProcess) -> None:
    with RawConnection(server.port) as alice:
        for _ in range(3):
            alice.send(HEAD % b"GET" + b"\r\n")
            answer = parse(alice.read_until(b"\r\n\r\n"))
            assert json.loads(alice.read(int(answer.headers["content-length"])))["method"] == "GET"


def test_what_has_been_served_is_forgotten_at_once(server: ServerProcess) -> None:
    with RawConnection(server.port) as alice:
        for _ in range(100):
            alice.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = alice.read_until(b"\r\n\r\n")
            alice.read(int(head.lower().partition(b"content-length:")[2].split()[0]))
        assert get(server.port, "/requests").json() < 10


def test_a_crash_is_a_plain_500(server: ServerProcess) -> None:
    answer = get(server.port, "/crash")
    assert (answer.status, answer.body) == (
        500,
        b"500 Internal Server Error: Exception inside application.\n",
    )


def test_no_answer_is_a_500_too(server: ServerProcess) -> None:
    assert get(server.port, "/silent").status == 500


def test_half_a_response_does_not_look_like_a_whole_one(server: ServerProcess) -> None:
    with RawConnection(server.port) as alice:
        alice.send(b"GET /crash-midway HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            alice.read_to_end()
    # And the reaper that noticed is alive.
    assert get(server.port, "/crash").status == 500


def test_a_response_is_produced_no_faster_than_it_is_read(server: ServerProcess) -> None:
    with RawConnection(server.port, receive_buffer=4096) as slow:
        slow.send(b"GET /stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        slow.read(1000)
        sent = [-1, 0]

        def stands_still() -> bool:
            sent.append(get(server.port, "/progress").json())
            return sent[-1] == sent[-2] > 0

        wait_for(stands_still)
        assert sent[-1] < 200, "of 1000 parts of 64 kB; the kernel takes some megabytes"
        length = 0
        while data := slow.socket.recv(1 << 20):
            length += len(data)
        assert length > 64_000_000
        assert get(server.port, "/progress").json() == 1000


def test_a_reader_that_leaves_frees_its_response(server: ServerProcess) -> None:
    with RawConnection(server.port, receive_buffer=4096) as fickle:
        fickle.send(b"GET /stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        fickle.read(1000)
        fickle.reset()
    wait_for(lambda: get(server.port, "/progress").json() == 1000)


def test_access_lines_have_no_query_strings(start: Any) -> None:
    server = start((*OURS, "--access-log", "-"))
    assert get(server.port, "/?token=secret").status == 200
    wait_for(lambda: "GET /" in server.log())
    assert "secret" not in server.log()


def test_whoever_never_says_anything_is_not_waited_for() -> None:
    channel, transport = Channel(), StringTransport()
    channel.factory = SimpleNamespace(channels=set())
    channel.timeOut = 60
    channel.makeConnection(transport)
    channel.look_at_the_clock(time.monotonic() + 59)
    assert not transport.disconnecting
    channel.look_at_the_clock(time.monotonic() + 61)
    assert transport.disconnecting
