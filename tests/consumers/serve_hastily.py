"""Our server with less patience than people need, so that a test need not have it."""

from datetime import timedelta

from asgi_app import server
from consumers import live, replies
from messaging.actions import accounts

if __name__ == "__main__":
    live.CONNECT_WITHIN_S = 0.5
    live.SILENT_AFTER_REFUSAL_S = 0.5
    live.EXPIRY_GRACE_S = 0.5
    replies.REPLY_WITHIN_S = 1.0
    accounts.TICKET_CONNECTION_LIFETIME = timedelta(seconds=2)
    server.CommandLineInterface.entrypoint()
