"""Owns the web process: Daphne, drained when it is told to stop and bounded wherever a client decides how much.

    python -m asgi_app.server [-p PORT] [-b HOST]

It listens on PORT (8000 unless set). Where DEBUG is on, or nothing says otherwise than the embedded default, only
this machine may connect; with a PORT in the environment or a REDIS_URL, everybody may. TLS ends at the proxy in
front; how many proxies are believed about the client's address is TRUSTED_PROXIES (`proxies.py`).

When it is told to stop (SIGTERM, SIGINT) it drains: not ready any more, no new connections, every WebSocket is told
to come back, spread over some seconds so that they do not all come at once, and every request in progress is
answered. Told again, it hurries.
"""

# First, because it installs the reactor that everything of Twisted then uses.
from daphne import cli as daphne_cli  # isort: skip
from daphne import server as daphne  # isort: skip

import asyncio
import contextlib
import ctypes
import fcntl
import gc
import logging
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable, Coroutine, MutableMapping
from functools import partial
from typing import Any

from django.conf import settings
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.logger import LogEvent, LogLevel, STDLibLogObserver, globalLogBeginner

import asgi_app.boot  # noqa: F401
from asgi_app import arrivals
from asgi_app.health import readiness
from asgi_app.http_protocol import HTTPFactory
from asgi_app.worker import work
from asgi_app.ws_protocol import State, WebSocketProtocol
from consumers.process import live_process
from messaging.bell import bell

logger = logging.getLogger("parley.server")

# Connections that the kernel may hold for us while we are busy, as when everybody reconnects after a deploy.
BACKLOG = 4096
# After a reconnect a client sends all its subscriptions in one frame, and many never come back after a 1009.
MAX_FRAME_BYTES = 512 * 1024

COME_BACKS_PER_S = 500
COME_BACK_WINDOW_S = 5.0
# A connection without a request may have one under way.
IDLE_S = 0.5
# The whole of a drain stays under 25 s: the window and the closing handshakes or the slowest answer, then the
# clean-up of the applications, then the database's threads.
DRAIN_S = 14.0
LOOK_AGAIN_S = 0.05
CLEAN_UP_S = 2.0
BELL_S = 1.0

# Open files for which there is room from the start.
FILES_AT_ONCE = 65_536

# From <malloc.h>.
M_ARENA_MAX, M_MMAP_THRESHOLD = -8, -3
LARGE_BYTES = 128 * 1024

SWITCH_AFTER_S = 0.0005
# See `gc.set_threshold`.
COLLECT_AFTER = (1_000, 1, 3_900)


class Server(daphne.Server):
    """Daphne's server with an end, bounds and wires."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.max_body_bytes: int = settings.MAX_BODY_BYTES
        self.draining = False
        self.loop = daphne.twisted_loop
        self.sockets: set[WebSocketProtocol] = set()
        self._ports: list[Any] = []
        self._hurry = asyncio.Event()
        self._stop_worker = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    def run(self) -> None:
        self.connections: dict[Any, dict[str, Any]] = {}
        self.http_factory = HTTPFactory(self)
        globalLogBeginner.beginLoggingTo([_log_failure], redirectStandardIO=False, discardBuffer=True)
        asyncio.set_event_loop(self.loop)
        # Before anybody can connect: whoever has could tell it to stop.
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            self.loop.add_signal_handler(signal_number, self.told_to_stop)
        for description in self.endpoints:
            backlog = f":backlog={BACKLOG}" if description.startswith("tcp:") else ""
            endpoint = serverFromString(reactor, description + backlog)
            endpoint.listen(self.http_factory).addCallbacks(self.listen_success, self.listen_error)
        if self.abort_start:
            return
        reactor.callLater(1, self.application_checker)
        reactor.callLater(2, self.timeout_checker)
        reactor.addSystemEventTrigger("before", "shutdown", self.kill_all_applications)
        if settings.EMBEDDED:
            self._worker = self.loop.create_task(work(self._stop_worker))
        # What is there now stays. Looked through again and again while connections come, it would be a seventh of the
        # time that they take.
        gc.collect()
        gc.freeze()
        # And what a connection needs stays as long as it does: by Python's own measure it is looked through ten times as often
        # while everybody reconnects, and nobody is served meanwhile.
        gc.set_threshold(*COLLECT_AFTER)
        # Each send lets go of the interpreter, and a thread at the database that takes it would keep it for 5 ms.
        sys.setswitchinterval(SWITCH_AFTER_S)
        reactor.run(installSignalHandlers=False)

    def listen_success(self, port: Any) -> None:
        self._ports.append(port)
        arrivals.take_in_turn(port)
        address = port.getHost()
        place = f"http://{address.host}:{address.port}" if hasattr(address, "port") else address.name
        print(f"Parley listens on {place}", flush=True)  # noqa: T201 - to whoever started it

    def listen_error(self, failure: Any) -> None:
        error = failure.value
        place = f"{error.interface}:{error.port}" if getattr(error, "port", None) else error.interface
        print(f"Cannot listen on {place}: {error.socketError.strerror}.", file=sys.stderr)  # noqa: T201
        self.stop()

    def create_application(
        self, protocol: Any, scope: MutableMapping[str, Any]
    ) -> asyncio.Queue[dict[str, Any]]:
        """For HTTP requests, which Daphne makes; WebSockets are ours alone."""
        inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        task = self.start_application(scope, inbox.get, partial(self.handle_reply, protocol))
        self.connections[protocol]["application_instance"] = task
        task.add_done_callback(partial(self._application_done, protocol))
        return inbox

    def _application_done(self, protocol: Any, task: asyncio.Task[None]) -> None:
        """Daphne looks once a second, and only for what was raised; of what went well nothing is left for it. Thousands of
        requests would be kept until then, and looked through while nobody is served.
        """
        error = None if task.cancelled() else task.exception()
        protocol.application_ended(error)
        if error is None and (details := self.connections.get(protocol)) is not None:
            details.pop("application_instance", None)
            if "disconnected" in details:
                del self.connections[protocol]

    def protocol_disconnected(self, protocol: Any) -> None:
        """The response is sent, or the client has gone; perhaps both."""
        details = self.connections.get(protocol)
        if details is None:
            return
        if "application_instance" in details:
            super().protocol_disconnected(protocol)
        else:
            del self.connections[protocol]

    def start_application(
        self, scope: MutableMapping[str, Any], receive: Any, send: Any
    ) -> asyncio.Task[None]:
        scope["asgi"] = {"version": "3.0", "spec_version": "2.3"}
        application: Coroutine[Any, Any, None] = self.application(scope, receive, send)
        task: asyncio.Task[None] = self.loop.create_task(application)
        return task

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        await super().handle_reply(protocol, message)
        await protocol.writable()

    def timeout_checker(self) -> None:
        """Daphne's, every two seconds, for sockets and those who say nothing too."""
        super().timeout_checker()
        now = time.monotonic()
        for socket in list(self.sockets):
            socket.look_at_the_clock(now)
        for channel in list(self.http_factory.channels):
            channel.look_at_the_clock(now)

    def log_action(self, protocol: Any, action: str, details: dict[str, Any]) -> None:
        if self.action_logger is not None:
            # Query strings may be secret; paths are not.
            path = details["path"].partition("?")[0]
            super().log_action(protocol, action, {**details, "path": path})

    # The end

    def told_to_stop(self) -> None:
        if self.draining:
            self._hurry.set()
        else:
            reactor.stop()

    def kill_all_applications(self) -> Deferred[None]:
        """Daphne's hook before the reactor stops, which waits for it; here nobody is killed who ends in time."""
        return Deferred.fromFuture(asyncio.ensure_future(self._drain()))

    async def _drain(self) -> None:
        deadline = self.loop.time() + DRAIN_S
        self.draining = readiness.draining = True
        self._stop_worker.set()
        sockets = self._sockets()
        logger.info("draining %d sockets and %d connections", len(sockets), len(self.http_factory.channels))
        for port in self._ports:
            # Closing resets whom the kernel has connected and we have not accepted. Twisted closes on its next turn;
            # this comes just before.
            reactor.callLater(0, arrivals.take_all, port, BACKLOG)
            port.stopListening()
        window_s = min(COME_BACK_WINDOW_S, len(sockets) / COME_BACKS_PER_S)
        for socket in sockets:
            self.loop.call_later(random.uniform(0, window_s), socket.send_away)
        await self._wait_until(lambda: not self.http_factory.channels, self.loop.time() + IDLE_S)
        for channel in list(self.http_factory.channels):
            channel.finish_up()
        await self._wait_until(lambda: not self.http_factory.channels and not self._sockets(), deadline)
        await self._end_applications()
        # What was committed last reaches the other processes' sockets now, not with their next comparison; that these have
        # gone would never reach them.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BELL_S):
                await asyncio.gather(live_process().hub.announced(), bell.end())

    def _sockets(self) -> list[WebSocketProtocol]:
        return [socket for socket in self.sockets if socket.state is not State.CLOSED]

    async def _wait_until(self, is_reached: Callable[[], bool], deadline: float) -> None:
        while not (is_reached() or self._hurry.is_set() or self.loop.time() > deadline):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await self._hurry.wait()

    async def _end_applications(self) -> None:
        tasks = [
            details["application_instance"]
            for details in self.connections.values()
            if "application_instance" in details
        ]
        tasks += [socket.application for socket in self.sockets]
        if self._worker is not None:
            tasks.append(self._worker)
        if not tasks:
            return
        _, unfinished = await asyncio.wait(tasks, timeout=0 if self._hurry.is_set() else CLEAN_UP_S)
        for task in unfinished:
            task.cancel()
        if unfinished:
            logger.warning("%d applications did not end by themselves", len(unfinished))
            await asyncio.wait(unfinished, timeout=CLEAN_UP_S)


_twisted_log = STDLibLogObserver("parley.server.twisted")


def _log_failure(event: LogEvent) -> None:
    # Below that, Twisted tells of every reset connection.
    if event.get("log_level", LogLevel.info) >= LogLevel.error:
        _twisted_log(event)


class CommandLineInterface(daphne_cli.CommandLineInterface):
    """Daphne's command line with our bounds for defaults."""

    description = "Parley's web server"
    server_class = Server
    application = "asgi_app.asgi:application"

    def __init__(self) -> None:
        super().__init__()
        self.parser.set_defaults(
            verbosity=0,
            server_name="",
            # A chat is open for days.
            websocket_timeout=-1,
            # When everybody reconnects at once, the last wait a while for their handshake.
            websocket_connect_timeout=20,
            websocket_max_message_size=MAX_FRAME_BYTES,
            websocket_max_frame_size=MAX_FRAME_BYTES,
            # Clients of /connection/websocket answer a ping of their own protocol every 25 s, and need no other.
            ping_interval=30,
        )

    def run(self, args: list[str]) -> None:
        options = self.parser.parse_args([*args, self.application])
        if options.proxy_headers:
            self.parser.error(
                "set TRUSTED_PROXIES to the number of proxies in front instead of --proxy-headers"
            )
        if any(description.startswith("ssl:") for description in options.socket_strings):
            self.parser.error("TLS ends at the proxy in front; this server speaks plain HTTP")
        if not (options.unix_socket or options.file_descriptor is not None or options.socket_strings):
            self.parser.set_defaults(host=default_host(), port=settings.PORT)
        raise_file_limit()
        give_memory_back()
        super().run([*args, self.application])


def default_host() -> str:
    is_private = settings.DEBUG or (settings.EMBEDDED and "PORT" not in os.environ)
    return "127.0.0.1" if is_private else "0.0.0.0"  # noqa: S104 - a web server is there to be reached


def raise_file_limit() -> None:
    """Every connection is an open file; the usual soft limit of 1024 is not the machine's."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems call "no limit" what they then refuse to set.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # The kernel's table of them grows by doubling, and each time all of our threads wait for it, for up to 30 ms: once, now.
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError):
        here = os.open(os.devnull, os.O_RDONLY)
        with contextlib.closing(os.fdopen(here)):
            os.close(fcntl.fcntl(here, fcntl.F_DUPFD, min(soft, FILES_AT_ONCE) - 1))


def give_memory_back() -> None:
    """Tells glibc, where it is what allocates, to keep less of what is not used any more; before there are threads.

    Of its own accord it has a heap for each of them, and each grows to what its largest job ever took; and once a large
    block was freed, the like are cut from the heap, too, until nothing fits between what stays there.
    """
    with contextlib.suppress(OSError, AttributeError):  # another system's, or another library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)


if __name__ == "__main__":
    CommandLineInterface.entrypoint()
