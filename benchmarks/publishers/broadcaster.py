"""Publishes into the bare broadcaster: each text after its length, all texts of one request in one send.

Second argument: so many bytes are to be in each message; what the text lacks is filled up.
"""

import socket
import struct
import sys

from benchmarks.publishers.serving import Told, serve

BYTES = int(sys.argv[3])

connection = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def publish(texts: list[str], told: Told) -> None:
    messages = [text.encode().ljust(BYTES) for text in texts]
    packed = b"".join(struct.pack("!I", len(message)) + message for message in messages)
    told()
    connection.sendall(packed)


if __name__ == "__main__":
    serve(publish)
