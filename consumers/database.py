"""The database threads of the live connections, apart from those of HTTP requests: neither starves the other."""

from django.conf import settings

from messaging.database import DatabaseThreads

database = DatabaseThreads("live", settings.LIVE_THREADS)
