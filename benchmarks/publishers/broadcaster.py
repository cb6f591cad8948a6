"""Publishes into the bare broadcaster: each text after its length, all texts of one request in one send."""

import socket
import struct
import sys

from benchmarks.publishers.serving import Told, serve

connection = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def publish(texts: list[str], told: Told) -> None:
    packed = b"".join(struct.pack("!I", len(text)) + text.encode() for text in texts)
    told()
    connection.sendall(packed)


if __name__ == "__main__":
    serve(publish)
