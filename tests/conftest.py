"""What every test gets: a database of its own kind, empty caches, plain static files, cheap passwords, and the cast.

The cast is the same everywhere: alice and bob talk, charlie must see nothing, olive is an operator.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import Permission
from django.core.cache import caches
from django.db import connections
from django.test import TransactionTestCase, override_settings
from django.test.utils import setup_databases, teardown_databases
from pytest_django.plugin import DjangoDbBlocker

from messaging import limits
from messaging.actions.accounts import sign_up
from messaging.models import User
from tests import first_rows


class OneRoundHasher(PBKDF2PasswordHasher):
    """The production hasher with one round: quick, and a real server verifies what it made."""

    iterations = 1


@pytest.fixture(scope="session", autouse=True)
def _test_settings() -> Iterator[None]:
    # Manifest names exist only after collectstatic; tests that look at them use a real server.
    storages = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    hashers = [f"{OneRoundHasher.__module__}.{OneRoundHasher.__qualname__}"]
    with override_settings(STORAGES=storages, PASSWORD_HASHERS=hashers):
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Gives SQLite's test database a file: Django's default is in memory, which no other process can open."""
    connection = connections["default"]
    if connection.vendor == "sqlite":
        file = Path(connection.settings_dict["NAME"])
        connection.settings_dict["TEST"]["NAME"] = str(file.with_stem(f"test_{file.stem}"))


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: DjangoDbBlocker, django_db_modify_db_settings: None
) -> Iterator[None]:
    """As pytest-django has it, but tests that commit leave what the migrations had put there, and leave it quickly."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        databases = setup_databases(verbosity=0, interactive=False, serialized_aliases=())
        first_rows.remember()
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda self: first_rows.put_back())
        yield
        teardown_databases(databases, verbosity=0)


PASSWORD = "correct-horse-battery"
"""Everybody's."""


@pytest.fixture
def alice(db: None) -> User:
    return sign_up(username="alice", password=PASSWORD, email="alice@example.org")


@pytest.fixture
def bob(db: None) -> User:
    return sign_up(username="bob", password=PASSWORD)


@pytest.fixture
def charlie(db: None) -> User:
    return sign_up(username="charlie", password=PASSWORD)


@pytest.fixture
def olive(db: None) -> User:
    user = sign_up(username="olive", password=PASSWORD)
    user.user_permissions.add(Permission.objects.get(codename="operate"))
    return User.objects.get(pk=user.pk)


@pytest.fixture(autouse=True)
def _empty_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    for cache in caches.all():
        cache.clear()
    # What this process has in hand of somebody's limit is such a cache too.
    monkeypatch.setattr(limits, "_limits", limits._Limits())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        mark = item.get_closest_marker("django_db")
        commits = "transactional_db" in item.fixturenames or (
            mark is not None and mark.kwargs.get("transaction")
        )
        uses_database = mark is not None or "db" in item.fixturenames
        if uses_database and not commits and inspect.iscoroutinefunction(item.function):
            # Its queries run on other threads, so on other connections: what they write is not in the transaction that is
            # rolled back, and would stay for the next test.
            raise pytest.UsageError(f"{item.nodeid} is asynchronous: mark it django_db(transaction=True)")
