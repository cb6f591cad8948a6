"""Door 2, WebSocket: the live connections and the hub that feeds them."""
