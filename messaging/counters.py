"""What went wrong in this process, counted for `/metrics`: nothing else remembers it."""

from typing import Any

from django.db import DatabaseError, InterfaceError
from django.db.backends.signals import connection_created
from django.db.utils import DatabaseErrorWrapper
from prometheus_client import Counter

DATABASE_ERRORS = Counter(
    "parley_database_errors",
    "What the database refused, broke off or was not there for, by kind of error.",
    ["error"],
)
REDIS_ERRORS = Counter(
    "parley_redis_errors", "Attempts to use Redis that failed, by the part that made them.", ["part"]
)
LOGIN_FAILURES = Counter("parley_login_failures", "Passwords and one-time codes that were wrong.")
REFUSALS = Counter("parley_refusals", "What was refused because it came too often, by what.", ["what"])
INBOUNDS = Counter(
    "parley_inbounds",
    "What platforms sent and bots handled here, by how that came out.",
    ["platform", "outcome"],
)
SENDS = Counter(
    "parley_platform_sends",
    "Attempts to send to contacts on platforms, by what came of them.",
    ["platform", "outcome"],
)
CHORES = Counter("parley_chores", "Chores that were done here, by how that came out.", ["chore", "outcome"])


def count_database_errors() -> None:
    """Whatever fails on a connection that this process has made once is counted: statements, commits, reconnecting."""
    connection_created.connect(_watch, dispatch_uid="parley.counters")


def _watch(connection: Any, **kwargs: Any) -> None:
    connection.wrap_database_errors = _CountedErrors(connection)


class _CountedErrors(DatabaseErrorWrapper):
    """Django's translation of a driver's errors, which every one of them passes once."""

    def __exit__(self, *raised: Any) -> None:
        try:
            super().__exit__(*raised)
        except (DatabaseError, InterfaceError) as error:
            DATABASE_ERRORS.labels(type(error).__name__).inc()
            raise
