"""Publishes into nats-server by its own protocol, over its plain port."""

import socket
import sys
import threading

from benchmarks.publishers.serving import Told, serve

connection = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
connection.sendall(b'CONNECT {"verbose":false}\r\n')


def answer_pings() -> None:
    for line in connection.makefile("rb"):
        if line == b"PING\r\n":
            connection.sendall(b"PONG\r\n")


def publish(texts: list[str], told: Told) -> None:
    commands = b"".join(f"PUB bench {len(text)}\r\n{text}\r\n".encode() for text in texts)
    told()
    connection.sendall(commands)


if __name__ == "__main__":
    threading.Thread(target=answer_pings, daemon=True).start()
    serve(publish)
