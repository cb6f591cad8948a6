"""Windows for tests: one server for a file, people whom nobody has seen before, and complaints of the browser."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from playwright.async_api import ConsoleMessage, Page, expect
from pytest_django.plugin import DjangoDbBlocker

from messaging.database import DatabaseThreads
from tests import first_rows
from tests.browser.app_person import AppPerson
from tests.browser.person import Person
from tests.live_server import LiveServer, address_of_database

NewPage = Callable[..., Awaitable[Page]]
NewPerson = Callable[..., Awaitable[Person]]
NewAppPerson = Callable[..., Awaitable[AppPerson]]

_numbers = itertools.count(1)

# Everybody comes from one address, and writes faster than people do.
UNLIMITED = dict.fromkeys(("SIGNUPS_PER_MINUTE", "POSTS_PER_MINUTE", "REQUESTS_PER_MINUTE"), "1000000")

# The machine may be busy with other tests.
expect.set_options(timeout=15_000)


@pytest.fixture(scope="module")
def site_database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The address of the test database, which is one file's own from its first test to its last."""
    with django_db_blocker.unblock():
        first_rows.put_back()
        yield address_of_database()
        first_rows.put_back()


@pytest.fixture(scope="module")
async def site(
    site_database: str, tmp_path_factory: pytest.TempPathFactory, _collected_static_files: None
) -> AsyncIterator[LiveServer]:
    """One server for the tests of a file, which stay apart by their people."""
    log = tmp_path_factory.mktemp("server") / "log"
    server = LiveServer(database_url=site_database, env=UNLIMITED, log=log)
    try:
        await server.start()
        yield server
    finally:
        await server.close()
    assert "Traceback" not in log.read_text(), f"the server failed at something:\n{log.read_text()[-20_000:]}"


@pytest.fixture
async def new_window(new_person: NewPage) -> AsyncIterator[NewPage]:
    """Opens a window of its own; what it asks for and may not do, by our policy, fails the test."""
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            complaints.append(message.text)

    async def open_window(**options: object) -> Page:
        page = await new_person(**options)
        page.context.on("console", listen)
        return page

    yield open_window
    assert not complaints


@pytest.fixture
def newcomer(site: LiveServer, new_window: NewPage) -> NewPerson:
    """Somebody who has just signed up at the file's server; keyword arguments are those of Playwright's `new_context`."""

    async def arrive(name: str, **options: object) -> Person:
        person = Person(await new_window(**options), site, f"{name}{next(_numbers)}")
        await person.sign_up()
        return person

    return arrive


@pytest.fixture
def app_user(site: LiveServer, new_window: NewPage) -> NewAppPerson:
    """Somebody who has just signed up in the app; keyword arguments are those of Playwright's `new_context`."""

    async def arrive(name: str, **options: object) -> AppPerson:
        person = AppPerson(await new_window(**options), site, f"{name}{next(_numbers)}")
        await person.sign_up()
        return person

    return arrive


@pytest.fixture
def database(transactional_db: None) -> Iterator[DatabaseThreads]:
    """The core's own actions for an asynchronous test, which must not run them on the event loop."""
    threads = DatabaseThreads("tests", 1)
    yield threads
    threads.close(wait_s=10)
