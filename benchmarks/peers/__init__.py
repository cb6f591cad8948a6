"""The servers that are compared, one file each. The first is ours: ratios are its."""

from benchmarks.peer import Peer
from benchmarks.peers import (
    broadcaster,
    native_asgi,
    nats,
    nchan,
    parley,
    python_socketio,
    socketio,
    stock_channels,
    ws,
)

USUAL: tuple[Peer, ...] = (
    parley.PARLEY,
    parley.IN_PROCESSES,
    stock_channels.CORE,
    stock_channels.PUBSUB,
    python_socketio.PYTHON_SOCKETIO,
    socketio.SOCKETIO,
    ws.WS,
    nchan.NCHAN,
    nats.NATS,
    broadcaster.BROADCASTER,
    broadcaster.JOINING_BROADCASTER,
    broadcaster.JOINING_AS_MUCH,
)

ASGI: tuple[Peer, ...] = (
    parley.PARLEY,
    *parley.ELSEWHERE,
    stock_channels.PUBSUB,
    stock_channels.ON_UVICORN,
    stock_channels.ON_GRANIAN,
    native_asgi.ON_DAPHNE,
    native_asgi.ON_UVICORN,
    native_asgi.ON_GRANIAN,
)
"""Ours, stock Channels and native ASGI, on the servers that there are for each."""

PEERS: tuple[Peer, ...] = tuple(dict.fromkeys(USUAL + ASGI))
