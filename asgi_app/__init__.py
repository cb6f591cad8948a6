"""What runs: settings, the one ASGI router, the server, the worker."""
