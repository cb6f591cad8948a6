"""An ASGI application for the server's own tests: it says what it was given, and misbehaves on request."""

import asyncio
import gc
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from consumers.wire import Wire, text_frame, wire_of

# Every wire of every socket that ever was, by the name the client gave: the careless hub that ours must not be.
wires: dict[str, Wire] = {}
lost: dict[str, int] = {}
stream_progress = {"sent": 0}
woken = asyncio.Event()


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await HTTP[scope["path"]](scope, receive, send)
    elif answer := HANDSHAKES.get(scope["path"]):
        await answer(scope, receive, send)
    else:
        await Talk(scope, receive, send).run()


async def respond(send: Any, content: Any, status: int = 200) -> None:
    body = json.dumps(content).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def describe(scope: Any, receive: Any, send: Any) -> None:
    """What of the request an application sees."""
    digest, length = hashlib.sha256(), 0
    while True:
        message = await receive()
        digest.update(message.get("body", b""))
        length += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await respond(
        send,
        {
            "method": scope["method"],
            "root_path": scope["root_path"],
            "headers": [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]],
            "length": length,
            "sha256": digest.hexdigest(),
        },
    )


async def serve(scope: Any, receive: Any, send: Any) -> None:
    """Notes in the file SERVED that it was here, then answers."""
    while (await receive()).get("more_body"):
        continue
    await asyncio.to_thread(_note, scope["query_string"].decode())
    await respond(send, "served")


def _note(name: str) -> None:
    with Path(os.environ["SERVED"]).open("a") as file:
        file.write(f"{name}\n")


async def slow(scope: Any, receive: Any, send: Any) -> None:
    """Takes its time, then sends more than a kernel buffers, so that the end of it waits in the process."""
    await asyncio.sleep(float(scope["query_string"] or 1))
    body = bytes(8_000_000)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"8000000")]})
    await send({"type": "http.response.body", "body": body})


async def requests(scope: Any, receive: Any, send: Any) -> None:
    """How many the process still knows of, this one included."""
    gc.collect()
    names = [f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects()]
    await respond(send, names.count("asgi_app.http_protocol.Request"))


async def stream(scope: Any, receive: Any, send: Any) -> None:
    """64 MB, in parts; /progress says how many have been taken."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for sent in range(1, 1001):
        await send({"type": "http.response.body", "body": bytes(64_000), "more_body": True})
        stream_progress["sent"] = sent
    await send({"type": "http.response.body"})


async def progress(scope: Any, receive: Any, send: Any) -> None:
    await respond(send, stream_progress["sent"])


async def crash(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("as asked")


async def silent(scope: Any, receive: Any, send: Any) -> None:
    """Ends without a word."""


async def crash_midway(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise RuntimeError("as asked")


HTTP = {
    "/": describe,
    "/serve": serve,
    "/slow": slow,
    "/stream": stream,
    "/progress": progress,
    "/requests": requests,
    "/crash": crash,
    "/silent": silent,
    "/crash-midway": crash_midway,
}


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Says every message again, in plain ASGI."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({**message, "type": "websocket.send"})


async def accept(scope: Any, receive: Any, send: Any) -> None:
    """Accepts with the subprotocol that the query string names."""
    await receive()
    headers = [(b"x-from", b"the application")]
    subprotocol = scope["query_string"].decode()
    await send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": headers})
    await receive()


async def reject(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.close"})
    await receive()


async def hesitate(scope: Any, receive: Any, send: Any) -> None:
    """Never answers the handshake."""
    while (await receive())["type"] != "websocket.disconnect":
        continue


HANDSHAKES = {
    "/hesitate": hesitate,
    "/echo": echo,
    "/accept": accept,
    "/no": reject,
    "/crash": crash,
    "/leave": silent,
}


def farewell(code: int, reason: str) -> bytes:
    return text_frame(f"closing: {code} {reason}".encode())


def numbered_frame(number: int, size: int) -> bytes:
    return text_frame(b"%d " % number + b"%d" % (number % 10) * size)


class Talk:
    """One socket: each text is a command, a word and its arguments."""

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.name = scope["query_string"].decode() or "nobody"

    async def run(self) -> None:
        assert (await self.receive())["type"] == "websocket.connect"
        await self.send({"type": "websocket.accept"})
        wire = wires[self.name] = self.wire = wire_of(self.scope, self.send, farewell)
        wire.on_lost = self.on_lost
        while (message := await self.receive())["type"] != "websocket.disconnect":
            command = message.get("text") or message["bytes"].decode()
            word, _, rest = command.partition(" ")
            if word == "leave":
                return
            await getattr(self, word)(rest)
        wire.lost()

    def on_lost(self) -> None:
        lost[self.name] = lost.get(self.name, 0) + 1

    def answer(self, content: Any) -> None:
        self.wire.send(text_frame(json.dumps(content).encode()))

    async def echo(self, text: str) -> None:
        self.answer(text)

    async def about(self, name: str) -> None:
        """What is known of a socket."""
        wire = wires[name]
        self.answer({"open": wire.is_open, "buffered": wire.buffered, "lost": lost.get(name, 0)})

    async def wire_kind(self, _: str) -> None:
        self.answer(type(self.wire).__name__)

    async def descriptor(self, _: str) -> None:
        transport: Any = self.wire
        self.answer(transport._transport.getHandle().fileno())

    async def tell(self, arguments: str) -> None:
        """Sends to a socket by name, alive or not."""
        name, _, text = arguments.partition(" ")
        wires[name].send(text_frame(json.dumps(text).encode()))
        self.answer("told")

    async def flood(self, arguments: str) -> None:
        """`flood NAME COUNT BYTES`: numbered frames, each a repeated digit, all at once."""
        name, count, size = arguments.split()
        for number in range(int(count)):
            wires[name].send(numbered_frame(number, int(size)))
        self.answer("flooded")

    async def trickle(self, arguments: str) -> None:
        """The same, with a turn of the event loop between one frame and the next."""
        name, count, size = arguments.split()
        for number in range(int(count)):
            wires[name].send(numbered_frame(number, int(size)))
            await asyncio.sleep(0)
        self.answer("trickled")

    async def drain(self, arguments: str) -> None:
        """`drain NAME BYTES`: answers when that socket has no more buffered."""
        name, below = arguments.split()
        await wires[name].drained(int(below))
        self.answer({"open": wires[name].is_open, "buffered": wires[name].buffered})

    async def close(self, arguments: str) -> None:
        code, _, reason = arguments.partition(" ")
        self.wire.close(int(code), reason)
        self.wire.close(int(code), reason)
        self.answer("after the close")

    async def asgi_close(self, arguments: str) -> None:
        code, _, reason = arguments.partition(" ")
        await self.send({"type": "websocket.close", "code": int(code), "reason": reason})

    async def crash(self, _: str) -> None:
        raise RuntimeError("as asked")

    async def rest(self, _: str) -> None:
        """Takes nothing more until somebody says `wake`."""
        await woken.wait()
        self.answer("rested")

    async def wake(self, _: str) -> None:
        woken.set()
