"""Our server with the strange site instead of Parley, and the patience that a test gives it."""

import os

from asgi_app import server


class StrangeCommandLine(server.CommandLineInterface):
    application = "tests.asgi_app.strange_site:application"


if __name__ == "__main__":
    server.DRAIN_S = float(os.environ.get("DRAIN_S", server.DRAIN_S))
    StrangeCommandLine.entrypoint()
