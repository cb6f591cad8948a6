"""The chat of Channels' tutorial, as it stands there, and the plainest REST view that posts into it: what Parley is
compared with."""
