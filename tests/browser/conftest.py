"""Windows for tests: one server for all of them, people whom nobody has seen before, and complaints of the browser."""

import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from django.conf import settings
from playwright.async_api import ConsoleMessage, Page, expect
from pytest_django.plugin import DjangoDbBlocker

from messaging.actions.accounts import create_token, sign_up
from messaging.database import DatabaseThreads
from tests import first_rows
from tests.browser.app_person import AppPerson
from tests.browser.person import Person
from tests.conftest import PASSWORD
from tests.consumers.stage import new_session
from tests.live_server import LiveServer, address_of_database
from tests.services import free_port

NewPage = Callable[..., Awaitable[Page]]
NewPerson = Callable[..., Awaitable[Person]]
NewAppPerson = Callable[..., Awaitable[AppPerson]]

_numbers = itertools.count(1)

# Everybody comes from one address, and writes faster than people do.
UNLIMITED = dict.fromkeys(("SIGNUPS_PER_MINUTE", "POSTS_PER_MINUTE", "REQUESTS_PER_MINUTE"), "1000000")

# The machine may be busy with other tests.
expect.set_options(timeout=15_000)


@pytest.fixture(scope="package")
def site_database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The address of the test database, which belongs to the tests with `site` from the first to the last. Those that have
    the database to themselves come before: pytest-django sees to that.
    """
    with django_db_blocker.unblock():
        first_rows.put_back()
        yield address_of_database()
        first_rows.put_back()


@pytest.fixture(scope="package")
def acting(site_database: str) -> Iterator[DatabaseThreads]:
    """Does the core's own actions on the site's database. Without Redis the server does not hear their bells."""
    threads = DatabaseThreads("acting", 1)
    yield threads
    threads.close(wait_s=10)


@pytest.fixture(scope="package")
def other_origin() -> str:
    """Where else the app may be served from."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture(scope="package")
async def whole_site(
    site_database: str,
    other_origin: str,
    tmp_path_factory: pytest.TempPathFactory,
    _collected_static_files: None,
) -> AsyncIterator[LiveServer]:
    log = tmp_path_factory.mktemp("server") / "log"
    env = {**UNLIMITED, "CORS_ALLOWED_ORIGINS": other_origin}
    server = LiveServer(database_url=site_database, env=env, log=log)
    try:
        await server.start()
        yield server
    finally:
        await server.close()
    assert "Traceback" not in log.read_text(), f"the server failed at something:\n{log.read_text()[-20_000:]}"


@pytest.fixture
async def site(whole_site: LiveServer) -> AsyncIterator[LiveServer]:
    """One server for all tests, which stay apart by their people; a test that stops it and fails leaves it running."""
    yield whole_site
    if not whole_site.is_running():
        await whole_site.start()


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


def _new_name(name: str) -> str:
    """One of which no other's is the beginning."""
    return f"{name}{next(_numbers):03}"


def _sign_up_for_pages(name: str) -> str:
    return new_session(sign_up(username=name, password=PASSWORD))


def _sign_up_for_app(name: str) -> str:
    """What the app keeps in the browser for whoever is signed in."""
    user = sign_up(username=name, password=PASSWORD)
    device, token = create_token(user=user, name="Chromium, Linux")
    return json.dumps(
        {"token": token, "deviceId": device.id, "user": {"id": user.pk, "username": user.username}}
    )


@pytest.fixture
def newcomer(site: LiveServer, acting: DatabaseThreads, new_window: NewPage) -> NewPerson:
    """Somebody new, signed in and at the feed; keyword arguments are those of Playwright's `new_context`."""

    async def arrive(name: str, **options: object) -> Person:
        person = Person(await new_window(**options), site, _new_name(name))
        session = await acting.run(_sign_up_for_pages, person.name)
        await person.page.context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": site.url}]
        )
        await person.open("/")
        return person

    return arrive


@pytest.fixture
def app_user(site: LiveServer, acting: DatabaseThreads, new_window: NewPage) -> NewAppPerson:
    """Somebody new, signed in and in the app, where it leads to; keyword arguments are those of Playwright's `new_context`."""

    async def arrive(name: str, **options: object) -> AppPerson:
        name = _new_name(name)
        kept = {"name": "parley.session", "value": await acting.run(_sign_up_for_app, name)}
        state = {"cookies": [], "origins": [{"origin": site.url, "localStorage": [kept]}]}
        person = AppPerson(await new_window(storage_state=state, **options), site, name)
        await person.open("/app/")
        await person.page.locator(".shell").wait_for()
        return person

    return arrive


@pytest.fixture
def database(transactional_db: None) -> Iterator[DatabaseThreads]:
    """The core's own actions for an asynchronous test, which must not run them on the event loop."""
    threads = DatabaseThreads("tests", 1)
    yield threads
    threads.close(wait_s=10)
