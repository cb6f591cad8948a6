"""The database: is it there, is it one that keeps what it has said, and does it have our tables?"""

from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from asgi_app.doctor.finding import Finding, Visit

MIN_VERSION = 140_000
# Of one web process beside HTTP_THREADS and LIVE_THREADS: probes, metrics, and a command like this one.
OTHER_CONNECTIONS = 3


def check(visit: Visit) -> Iterator[Finding]:
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        yield Finding(
            "database-unreachable",
            f"The database does not answer: {str(error).strip().splitlines()[0]}.",
            "Look at DATABASE_URL, and whether PostgreSQL runs and lets this machine in (pg_hba.conf).",
        )
        return
    if connection.vendor == "postgresql":
        yield from _check_postgres()
    elif settings.REDIS_URL:
        yield Finding(
            "sqlite-for-many",
            "REDIS_URL says that there are several processes, and all of them would share one SQLite file.",
            "Set DATABASE_URL to a PostgreSQL; `manage.py move_database` brings everything along.",
        )
    yield from _check_migrations()


def _check_postgres() -> Iterator[Finding]:
    shown = {name: _shown(name) for name in _ASKED}
    version = int(shown["server_version_num"])
    if version < MIN_VERSION:
        yield Finding(
            "old-postgres",
            f"PostgreSQL {version // 10_000} is older than 14.",
            "Upgrade it: pg_upgrade, or dump and restore.",
        )
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        if shown[name] == "off":
            yield Finding(
                f"{name.replace('_', '-')}-off",
                f"PostgreSQL runs with {name} = off: what was acknowledged can be lost when the machine fails.",
                f"ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf();",
            )
    if shown["default_transaction_isolation"] != "read committed":
        yield Finding(
            "isolation",
            f"Transactions are {shown['default_transaction_isolation']} by default: writes that meet would fail.",
            f'ALTER DATABASE "{connection.settings_dict["NAME"]}" RESET default_transaction_isolation;',
        )
    if shown["server_encoding"] != "UTF8":
        yield Finding(
            "encoding",
            f"The database's encoding is {shown['server_encoding']}: it cannot keep what people write.",
            "Create it anew with ENCODING 'UTF8' and move everything there (pg_dump, pg_restore).",
        )
    if shown["in_recovery"] == "on" or shown["transaction_read_only"] == "on":
        yield Finding(
            "read-only",
            "This PostgreSQL takes no writes: it is a replica, or set to read only.",
            "Point DATABASE_URL at the primary.",
        )
    needed = settings.HTTP_THREADS + settings.LIVE_THREADS + OTHER_CONNECTIONS
    if int(shown["max_connections"]) < needed:
        yield Finding(
            "few-connections",
            f"One web process takes {needed} connections, and PostgreSQL has {shown['max_connections']} for all.",
            "Raise max_connections, or lower HTTP_THREADS and LIVE_THREADS.",
        )


_ASKED = (
    *("server_version_num", "fsync", "full_page_writes", "synchronous_commit", "server_encoding"),
    *("default_transaction_isolation", "transaction_read_only", "max_connections", "in_recovery"),
)


def _shown(name: str) -> str:
    with connection.cursor() as cursor:
        if name == "in_recovery":
            cursor.execute("SELECT CASE WHEN pg_is_in_recovery() THEN 'on' ELSE 'off' END")
        else:
            cursor.execute("SELECT current_setting(%s)", [name])
        (value,) = cursor.fetchone() or ("",)
    return str(value)


def _check_migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        yield Finding(
            "migrations-pending",
            f"{len(waiting)} migrations have not run, the first is {waiting[0][0]}.",
            "python manage.py migrate --noinput, before the new processes start (the release line of the Procfile).",
        )
