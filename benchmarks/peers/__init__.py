"""The servers that are compared, one file each. The first is ours: ratios are its."""

from benchmarks.peer import Peer
from benchmarks.peers import broadcaster, nats, nchan, parley, socketio, stock_channels, ws

PEERS: tuple[Peer, ...] = (
    parley.PARLEY,
    stock_channels.CORE,
    stock_channels.PUBSUB,
    socketio.SOCKETIO,
    ws.WS,
    nchan.NCHAN,
    nats.NATS,
    broadcaster.BROADCASTER,
    broadcaster.JOINING_BROADCASTER,
)
