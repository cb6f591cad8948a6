"""The door's description: complete, valid, served from this machine, and true."""

import re
from typing import Any

import orjson
import pytest
import schemathesis
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import BaseModel
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import positive_data_acceptance

from messaging.models import User
from tests.api.door import Caller

pytestmark = pytest.mark.django_db


def test_the_description_is_valid_and_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json")
    described = orjson.loads(capsys.readouterr().out)
    assert described["openapi"].startswith("3.1")
    assert {"Problem", "Message", "ChatSummary", "PostMessageBody", "MessagePosted"} <= (
        described["components"]["schemas"].keys()
    )
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert {"400", "429", "503"} <= operation["responses"].keys(), (method, path)


def test_no_two_shapes_have_one_name() -> None:
    """In the description one of them would silently stand for both."""
    unseen, names = [BaseModel], []
    while unseen:
        kind = unseen.pop()
        unseen += kind.__subclasses__()
        if kind.__module__.split(".")[0] in ("api", "messaging"):
            names.append(kind.__name__)
    assert sorted(names) == sorted(set(names))


def test_the_examples_are_accepted(as_alice: Caller, bob: User) -> None:
    described = orjson.loads(Client().get("/api/schema/", {"format": "json"}).content)
    tried = 0
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for example in content.get("examples", {}).values():
                answer = as_alice.send(
                    method.upper(), path.format(uri="feed", number=1), body=example["value"]
                )
                is_read = answer.status != 400 or answer.code in ("invalid_credentials", "username_taken")
                assert is_read, (method, path, answer.body)
                tried += 1
    assert tried >= 8


def test_swagger_comes_from_this_machine() -> None:
    page = Client().get("/api/schema/swagger/").content.decode()
    assert "swagger-ui" in page
    sources = re.findall(r"""(?:src|href)=["']([^"']+)["']""", page)
    assert len(sources) >= 3
    assert all(source.startswith("/static/") for source in sources)


# --- True: whatever is sent, the answer is one that the description names, and never a 500 --------------------------------


# Right in form, these may still contradict themselves, name a page or a version that there is not, or bring a wrong code; under /auth/ a
# password is wrong.
MORE_THAN_FORM = {
    "GET /api/chats/{uri}/messages/",
    "POST /api/chats/{uri}/messages/",
    "POST /api/chats/",
    "GET /api/chats/{uri}/members/",
    "POST /api/terms/",
    "POST /api/second-factor/",
    "DELETE /api/second-factor/",
    "POST /api/second-factor/confirm/",
    "POST /api/second-factor/recovery-codes/",
}


@pytest.fixture
def world(bob: User, as_alice: Caller) -> dict[str, list[Any]]:
    """What there is that a path could name."""
    room = as_alice.post("/api/chats/", name="Poetry").body["uri"]
    as_alice.post(f"/api/chats/{room}/messages/", text="one")
    as_alice.post("/api/chats/feed/messages/", text="two")
    thread = as_alice.post("/api/threads/", username="bob").body["uri"]
    return {"uri": ["feed", room, thread], "number": [1, 2], "username": ["bob", "alice"]}


@pytest.mark.django_db(transaction=True)  # the real application ends its connections
@pytest.mark.parametrize(
    ("who", "mode"),
    [
        ("somebody", GenerationMode.POSITIVE),
        ("somebody", GenerationMode.NEGATIVE),
        ("nobody", GenerationMode.POSITIVE),
    ],
)
def test_every_answer_is_as_described(
    who: str, mode: GenerationMode, world: dict[str, list[Any]], alice: User
) -> None:
    described = schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())
    described.config.generation.update(allow_x00=False)  # which no description can forbid

    @described.hook
    def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> Any:
        """Names what there is, most of the time: otherwise every answer were 404. What is wrong on purpose stays wrong."""
        parameters = path_parameters or {}
        for name in parameters.keys() & world.keys():
            if re.fullmatch(r"[A-Za-z0-9_.-]{1,15}", str(parameters[name])):
                choices = [*world[name], parameters[name]]
                parameters[name] = choices[len(str(parameters)) % len(choices)]
        return path_parameters

    operations = [result.ok() for result in described.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) > 35
    for operation in operations:
        if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
            continue  # there is nothing in it that could be wrong
        token = Caller(alice).token  # the last operation may have been logging out
        _try(operation, mode, {"Authorization": f"Token {token}"} if who == "somebody" else {})


def _try(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, headers: dict[str, str]) -> None:
    @settings(
        max_examples=4,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case[Any]) -> None:
        may_be_refused = operation.path.startswith("/auth/") or operation.label in MORE_THAN_FORM
        excluded: list[Any] = [positive_data_acceptance] if may_be_refused else []
        case.call_and_validate(headers=headers, excluded_checks=excluded)

    ask()
