"""The server-rendered pages: feed, thread, people, accounts."""
