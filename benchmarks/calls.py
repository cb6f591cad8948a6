"""Signed calls to a webhook, as Meta makes them: each with one event that nobody has sent before."""

import hmac
import json
import secrets
from collections.abc import Iterator
from functools import partial
from hashlib import sha256

from benchmarks.script import Script
from benchmarks.size import Size

SECRET = "the-secret-of-the-benchmark"
PAGE_ID = "100000000000001"
# No server here is quicker, and the generator says so if one is.
CALLS_PER_S = 12_000
WARM_UP_S = 1


def calls(port: int, path: str, size: Size) -> Script:
    """Callers of this webhook."""
    count = int(CALLS_PER_S * (size.seconds + WARM_UP_S))
    return Script(
        port,
        path,
        headers=["Content-Type: application/json", "X-Hub-Signature-256: sha256=%1%"],
        is_http=True,
        ask="%2%",
        answer=" 200 ",
        letters=partial(_letters, count),
    )


def _letters(count: int) -> Iterator[tuple[str, str]]:
    once = secrets.token_hex(4)
    for number in range(count):
        event = {
            "sender": {"id": str(10**15 + number % 5000)},
            "recipient": {"id": PAGE_ID},
            "timestamp": 1_760_000_000_000 + number,
            "message": {"mid": f"m_{once}{number}", "text": "Somebody has written this to the bot."},
        }
        entry = {"id": PAGE_ID, "time": event["timestamp"], "messaging": [event]}
        body = json.dumps({"object": "page", "entry": [entry]}, separators=(",", ":"))
        yield hmac.new(SECRET.encode(), body.encode(), sha256).hexdigest(), body
