"""PostgreSQL and Redis (Valkey) for the servers under test: the same programs as the tests', our own, empty at first."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import redis

from tests.services import Valkey, start_postgres


@dataclass(frozen=True)
class Stack:
    """Where they are. Whatever is in them is ours to empty."""

    database_url: str
    redis_url: str

    def versions(self) -> dict[str, str]:
        with contextlib.closing(psycopg2.connect(self.database_url)) as connection:
            postgres = str(connection.info.parameter_status("server_version"))
        with contextlib.closing(redis.Redis.from_url(self.redis_url)) as client:
            facts = cast(dict[str, Any], client.info("server"))
        return {"PostgreSQL": postgres, "Valkey": str(facts["valkey_version"])}

    def forget_channels(self) -> None:
        """Empties Redis, so that no server finds the members of the one before."""
        with contextlib.closing(redis.Redis.from_url(self.redis_url)) as client:
            client.flushall()

    def create_database(self, name: str) -> str:
        """The address of another database on the same server, new and empty."""
        with contextlib.closing(psycopg2.connect(self.database_url)) as connection:
            connection.autocommit = True
            connection.cursor().execute(f'CREATE DATABASE "{name}"')
        return urlunsplit(urlsplit(self.database_url)._replace(path=f"/{name}"))


@contextlib.contextmanager
def running_stack() -> Iterator[Stack]:
    """Commits wait for the disk, as in production."""
    with contextlib.ExitStack() as ends:
        postgres = start_postgres(durable=True)
        ends.callback(postgres.stop)
        valkey = Valkey()
        ends.callback(valkey.close)
        valkey.start()
        yield Stack(postgres.url, valkey.url)
