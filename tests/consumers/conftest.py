"""What tests of the live connections share: a stage for each file, a cast for each test, and the SDKs."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests import first_rows
from tests.consumers.sdk import Node, Sdk, node_sdk, python_sdk
from tests.consumers.stage import Cast, Stage
from tests.live_server import OURS, LiveServer, address_of_database

SDKS = ("python", "python-protobuf", "node", "node-protobuf")


@pytest.fixture(scope="module")
def stage_database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The address of the test database, which is one file's own from its first test to its last."""
    with django_db_blocker.unblock():
        first_rows.put_back()
        yield address_of_database()
        first_rows.put_back()


@pytest.fixture(scope="module")
def server_settings() -> dict[str, str]:
    """What a file's server has in its environment; a file may override it."""
    return {}


@pytest.fixture(scope="module")
def server_command() -> Sequence[str]:
    """What a file's server is; a file may override it."""
    return OURS


@pytest.fixture(scope="module")
async def stage(
    stage_database: str,
    server_settings: dict[str, str],
    server_command: Sequence[str],
    tmp_path_factory: pytest.TempPathFactory,
    _collected_static_files: None,
) -> AsyncIterator[Stage]:
    log = tmp_path_factory.mktemp("server") / "log"
    server = LiveServer(database_url=stage_database, env=server_settings, log=log, command=server_command)
    stage = Stage(server)
    try:
        await server.start()
        yield stage
    finally:
        await stage.close()
        await server.close()
    failures = [line for line in log.read_text().splitlines() if "Traceback" in line]
    assert not failures, f"the server failed at something: {failures[0][:5000]}"


@pytest.fixture
async def cast(stage: Stage) -> Cast:
    """Alice and bob talk, charlie must see nothing, olive is an operator."""
    return await stage.cast()


@pytest.fixture(scope="session")
async def node() -> AsyncIterator[Node]:
    node = Node()
    await node.start()
    yield node
    await node.stop()


def _making(name: str, node: Node) -> AbstractAsyncContextManager[Sdk]:
    language, _, encoding = name.partition("-")
    if language == "node":
        return node_sdk(node, protobuf=bool(encoding))
    return python_sdk(protobuf=bool(encoding))


@pytest.fixture(params=SDKS)
async def sdk(request: pytest.FixtureRequest, node: Node) -> AsyncIterator[Sdk]:
    """Each SDK in turn, in both of its encodings."""
    async with _making(request.param, node) as make:
        yield make


@pytest.fixture
async def sdks(node: Node) -> AsyncIterator[list[Sdk]]:
    """All of them at once, for what takes long."""
    async with AsyncExitStack() as making:
        yield [await making.enter_async_context(_making(name, node)) for name in SDKS]
