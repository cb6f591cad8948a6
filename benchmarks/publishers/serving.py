"""What all publishers share: requests come on standard input, times go into a file that the load generator reads.

A request is a line `FIRST COUNT`: publish that many events at once, numbered from FIRST. For each event the file has two
times: when its publication began, and when there was nothing left to do but to tell the server (for a server with a
log: when it was committed). Both are CLOCK_MONOTONIC, which is the same for all processes of the machine.
"""

import mmap
import os
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

SLOTS = 1 << 16
TEXT_BYTES = int(os.environ.get("BENCH_TEXT_BYTES", "200"))

Told = Callable[[], None]
"""Called by a publisher at the moment from which it only tells the server. Later calls for the same events change nothing."""
Publish = Callable[[list[str], Told], None]


def text_of(seq: int) -> str:
    """So many bytes, with the event's number in them."""
    return f"~{seq:010d}~".ljust(TEXT_BYTES, "x")


def number_of(text: str) -> int:
    return int(text[1:11])


def serve(publish: Publish) -> None:
    """Publishes until standard input ends."""
    pair = struct.Struct("=qq")
    with Path(sys.argv[1]).open("r+b") as file, mmap.mmap(file.fileno(), SLOTS * pair.size) as times:
        print("ready", flush=True)
        for line in sys.stdin:
            first, count = map(int, line.split())
            slots = [seq % SLOTS * pair.size for seq in range(first, first + count)]
            texts = [text_of(seq) for seq in range(first, first + count)]
            began_ns = time.monotonic_ns()

            untold = [slots]

            def told(untold: list[list[int]] = untold, began_ns: int = began_ns) -> None:
                if untold:
                    told_ns = time.monotonic_ns()
                    for slot in untold.pop():
                        pair.pack_into(times, slot, began_ns, told_ns)

            publish(texts, told)
