"""How the server begins and, above all, how it ends: nothing that it took is dropped, and everybody is told."""

import http.client
import itertools
import os
import platform
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.asgi_app.conftest import OURS, ServerProcess
from tests.asgi_app.raw import CLOSE, RawConnection, RawSocket, get, wait_for
from tests.services import ROOT

Start = Callable[..., ServerProcess]


def test_it_says_where_it_listens(start: Start) -> None:
    server = start()
    wait_for(lambda: f"Parley listens on http://127.0.0.1:{server.port}\n" in server.log() + "\n")


def test_a_port_that_is_taken_is_one_sentence(start: Start) -> None:
    taken = start().port
    command = [sys.executable, *OURS, "-b", "127.0.0.1", "-p", str(taken)]
    environment = {**os.environ, "REDIS_URL": "redis://127.0.0.1:1/0"}
    second = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr == f"Cannot listen on 127.0.0.1:{taken}: Address already in use.\n"


@pytest.mark.parametrize("option", ["--proxy-headers", "-e ssl:443"])
def test_what_the_proxy_does_is_not_done_here(option: str) -> None:
    command = [sys.executable, *OURS, *option.split()]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == 2
    assert "TRUSTED_PROXIES" in refused.stderr or "plain HTTP" in refused.stderr


HEAPS = """
import ctypes, threading
from asgi_app.server import give_memory_back

give_memory_back()
held, here = [], threading.Barrier(9)

def work():
    held.append(bytes(4096))
    here.wait()

for _ in range(8):
    threading.Thread(target=work).start()
here.wait()
libc = ctypes.CDLL(None)
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives each thread a heap")
def test_its_threads_share_one_heap() -> None:
    command = [sys.executable, "-c", HEAPS]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert told.stdout.count("<heap nr=") == 1


def test_an_idle_server_ends_at_once(start: Start) -> None:
    server = start()
    began = time.monotonic()
    server.stop()
    assert server.process.wait(10) == 0
    assert time.monotonic() - began < 2


def test_a_request_in_progress_is_answered_whole(start: Start) -> None:
    """The answer is longer than the kernel buffers, so its end waits in the process when the view is done."""
    server = start()
    with RawConnection(server.port, receive_buffer=65536) as alice:
        alice.send(b"GET /slow?1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_for(lambda: get(server.port, "/").status == 200)
        server.stop()
        head = alice.read_until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        # The connection is not for further use.
        assert b"Connection: close" in head
        assert not server.accepts()
        assert len(alice.read_to_end()) == 8_000_000
    assert server.process.wait(10) == 0


def test_a_body_half_sent_is_taken_to_its_end(start: Start) -> None:
    server = start()
    with RawConnection(server.port) as alice:
        alice.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello")
        wait_for(lambda: get(server.port, "/").status == 200)
        server.stop()
        wait_for(lambda: not server.accepts())
        alice.send(b"world")
        answer = alice.read_to_end()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"length": 10' in answer
    assert server.process.wait(10) == 0


def test_a_connection_kept_alive_is_served_once_more_and_closed(start: Start) -> None:
    server = start()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/")
    connection.getresponse().read()
    server.stop()
    wait_for(lambda: not server.accepts())
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Connection")) == (200, "close")
    answer.read()
    connection.close()
    assert server.process.wait(10) == 0


def test_every_socket_is_told_to_come_back(start: Start) -> None:
    server = start()
    sockets = [RawSocket(server.port, f"/ws?{number}") for number in range(100)]
    assert sockets[-1].ask("echo ready") == "ready"
    server.stop()
    assert [each.read_close() for each in sockets] == [(3001, "shutdown")] * 100
    for each in sockets:
        each.socket.close()
    assert server.process.wait(10) == 0


def test_come_backs_are_spread(start: Start) -> None:
    """Over a second and a fifth. One thread watches all sockets, so that it notices each as it comes."""
    server = start()
    sockets = [RawSocket(server.port, f"/ws?{number}") for number in range(600)]
    assert sockets[-1].ask("echo ready") == "ready"
    moments: list[float] = []
    with selectors.DefaultSelector() as selector:
        for each in sockets:
            selector.register(each.socket, selectors.EVENT_READ, each)
        server.stop()
        while len(moments) < len(sockets):
            told = selector.select(timeout=10)
            assert told, "no more of them were told"
            for key, _ in told:
                moments.append(time.monotonic())
                selector.unregister(key.fileobj)
    for each in sockets:
        assert each.read_frame()[0] == CLOSE
        each.socket.close()
    assert moments[-1] - moments[0] > 0.7
    assert server.process.wait(10) == 0


def test_clients_that_never_finish_do_not_keep_it_alive(start: Start) -> None:
    server = start(DRAIN_S="2")
    with (
        RawSocket(server.port) as mute,
        RawConnection(server.port) as idle,
        RawConnection(server.port) as half,
    ):
        half.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello")
        wait_for(lambda: get(server.port, "/").status == 200)
        server.stop()
        assert mute.read_frame() == (CLOSE, (3001).to_bytes(2, "big") + b"shutdown")
        assert idle.read_to_end() == b""
        assert server.process.wait(10) == 0


def test_told_twice_it_hurries(start: Start) -> None:
    server = start()
    with RawSocket(server.port) as mute, RawConnection(server.port) as waiting:
        waiting.send(b"GET /slow?60 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert mute.ask("echo ready") == "ready"
        server.stop()
        assert mute.read_frame()[0] == CLOSE
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(5) == 0


def test_what_it_began_under_load_it_answers(start: Start, tmp_path: Path) -> None:
    """A connection that the kernel made and the server never saw may be reset; a request that was served may not."""
    served = tmp_path / "served"
    server = start(SERVED=str(served))
    answered: set[str] = set()

    def post_until_refused(client: int) -> None:
        for number in itertools.count():
            name = f"{client}-{number}"
            try:
                assert get(server.port, f"/serve?{name}", method="POST", body=b"x" * 1000).status == 200
            except OSError:
                return
            answered.add(name)

    with ThreadPoolExecutor(8) as clients:
        running = [clients.submit(post_until_refused, number) for number in range(8)]
        wait_for(lambda: len(answered) > 200)
        server.stop()
        for each in running:
            each.result(20)
    assert server.process.wait(10) == 0
    assert set(served.read_text().split()) == answered


def test_it_carries_more_sockets_than_the_soft_limit_of_open_files(start: Start) -> None:
    server = start((*("-c", _LOW_LIMIT),))
    sockets = [RawSocket(server.port) for _ in range(300)]
    assert sockets[-1].ask("echo ready") == "ready"
    for each in sockets:
        each.socket.close()


_LOW_LIMIT = """
import resource, runpy
resource.setrlimit(resource.RLIMIT_NOFILE, (128, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
runpy.run_module("tests.asgi_app.serve_strange_site", run_name="__main__", alter_sys=True)
"""


def test_the_log_has_no_noise_after_all_that(start: Start) -> None:
    server = start()
    for _ in range(20):
        with RawSocket(server.port) as alice:
            alice.send_frame(1, b"\xff")
        RawSocket(server.port).reset()
        RawConnection(server.port).reset()
    server.stop()
    assert server.process.wait(10) == 0
    lines = [line for line in server.log().splitlines() if not re.search(r"Parley listens|draining", line)]
    assert lines == []
