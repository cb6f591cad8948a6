"""Publishes by POST over one kept connection: what is asked for at once is sent at once (HTTP pipelining)."""

import socket
import sys

from benchmarks.publishers.serving import Told, serve

port, path = sys.argv[2:]
connection = socket.create_connection(("127.0.0.1", int(port)))
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
answers = connection.makefile("rb")


def request(text: str) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}"
    )
    return f"{head}\r\n\r\n{text}".encode()


def read_answer() -> None:
    status, length = answers.readline(), 0
    if b" 20" not in status:
        raise RuntimeError(f"refused: {status!r}")
    while (line := answers.readline()) != b"\r\n":
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    answers.read(length)


def publish(texts: list[str], told: Told) -> None:
    requests = b"".join(map(request, texts))
    told()
    connection.sendall(requests)
    for _ in texts:
        read_answer()


if __name__ == "__main__":
    serve(publish)
