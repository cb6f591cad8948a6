"""A publisher for `test_generator.py`: it publishes into the test's own server, and may do it wrong.

The fault is the last argument: none, swapped (two events change places), twice, lost, silent (from the tenth event on), dead
(from the first on), early (each four come when the first of them is asked for).
"""

import socket
import sys

from benchmarks.publishers.serving import Told, number_of, serve, text_of

port, fault = sys.argv[2:]
connection = socket.create_connection(("127.0.0.1", int(port)))
published = 0


def as_told(texts: list[str]) -> list[str]:
    match fault:
        case "swapped":
            return [*texts[1::-1], *texts[2:]] if len(texts) > 1 else texts
        case "twice":
            return [texts[0], *texts]
        case "lost":
            return texts[1:]
        case "dead":
            return []
        case "early":
            first = number_of(texts[0])
            return [text_of(first + later) for later in range(4)] if first % 4 == 1 else []
    return texts


def publish(texts: list[str], told: Told) -> None:
    global published  # noqa: PLW0603 - a script's own count
    published += len(texts)
    told()
    if fault != "silent" or published < 10:
        connection.sendall("".join(f"{text}\n" for text in as_told(texts)).encode())


if __name__ == "__main__":
    serve(publish)
