"""How the door refuses: always in JSON, always with a code, never with a 500."""

import threading
from collections.abc import Iterator

import pytest
from django.core.cache import caches
from django.db import InterfaceError, OperationalError, connection, connections, transaction
from django.test import Client
from pytest_django import Settings

from api.errors import answer_error
from messaging.models import Chat, User
from tests.api.door import FORM, JSON, Caller

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"",
        b"[]",
        b"null",
        b"5",
        b'"text"',
        b'{"text": NaN}',
        b'{"text": "a", "text": "b"}',
        b'{"text": "\\u0000"}',
        b'{"text": "\\ud800"}',
        b'{"text": "\xff"}',
        b'{"text": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"text": ' + b"[" * 100_000,
        '{"text": "hi"}'.encode("utf-16"),
    ],
)
def test_bodies_that_cannot_be_read(as_alice: Caller, raw: bytes) -> None:
    answer = as_alice.send("POST", "/api/chats/feed/messages/", raw=raw)
    assert answer.status == 400
    assert answer.code in ("invalid", "invalid_json")
    assert isinstance(answer.body["detail"], str)


@pytest.mark.parametrize(
    ("content_type", "raw", "status"),
    [
        ("text/plain", b"hi", 415),
        ("application/xml", b"<a/>", 415),
        ("application/json; charset=utf-7", b'{"text": "hi"}', 201),
        (f"{FORM}; charset=rot13", b"text=hi", 201),
        (f"{FORM}; charset=no-such-charset", b"text=hi", 201),
        (FORM, b"text=%00", 400),
        (FORM, b"text=%ff", 201),
        (FORM, b"&".join(b"a%d=1" % n for n in range(2000)), 400),
        ("multipart/form-data", b"hi", 400),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n", 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\nhi\r\n--x--\r\n',
            201,
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="text"; filename="a"\r\n\r\nhi\r\n--x--\r\n',
            400,
        ),
    ],
)
def test_other_kinds_of_bodies(as_alice: Caller, content_type: str, raw: bytes, status: int) -> None:
    answer = as_alice.send("POST", "/api/chats/feed/messages/", raw=raw, content_type=content_type)
    assert answer.status == status
    assert "code" in answer.body or status == 201


@pytest.mark.parametrize("content_type", [JSON, FORM])
def test_a_body_that_is_too_large(as_alice: Caller, settings: Settings, content_type: str) -> None:
    raw = b'{"text": "' + b"x" * settings.MAX_BODY_BYTES + b'"}'
    answer = as_alice.send("POST", "/api/chats/feed/messages/", raw=raw, content_type=content_type)
    assert (answer.status, answer.code) == (413, "too_large")


@pytest.mark.parametrize(
    "path",
    [
        "/api/",
        "/api/nothing/",
        "/auth/",
        "/auth/nothing/",
        "/api/chats/a%20b/",
        "/api/chats/%00/",
        "/api/chats/a%0Ab/",
        "/api/nothing/%0A",
        f"/api/chats/{'x' * 65}/",
        "/api/chats/feed/messages/first/",
        "/api/chats/feed/messages/-1/",
        "/api/chats/..%2f..%2fetc/",
        "/api/devices/zzz/",
    ],
)
def test_paths_that_are_nothing(nobody: Caller, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = nobody.send(method, path)
        assert (answer.status, answer.code) == (404, "not_found")
        assert answer.headers["Content-Type"] == "application/json"


def test_a_path_without_its_last_slash(nobody: Caller) -> None:
    moved = nobody.get("/api/chats/feed/messages", limit=5)
    assert (moved.status, moved.headers["Location"]) == (301, "/api/chats/feed/messages/?limit=5")
    posted = nobody.post("/auth/users")
    assert (posted.status, posted.code) == (404, "not_found")
    assert "slash" in posted.body["detail"]
    assert nobody.get("/api/nothing").status == 404


def test_methods_that_a_resource_does_not_have(as_alice: Caller) -> None:
    answer = as_alice.send("PUT", "/api/chats/feed/")
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert "PATCH" in answer.headers["Allow"]


def test_an_error_is_json_whatever_was_asked_for(nobody: Caller) -> None:
    answer = nobody.saying({"Accept": "text/html"}).get("/api/me/")
    assert (answer.status, answer.code) == (401, "unauthorized")
    picture = nobody.saying({"Accept": "image/png"}).get("/api/chats/feed/")
    assert (picture.status, picture.code) == (406, "not_acceptable")


def test_people_with_a_browser_see_the_browsable_api(alice: User) -> None:
    page = Client()
    page.force_login(alice)
    for path in ("/api/me/", "/api/chats/", "/api/chats/feed/messages/", "/api/chats/feed/"):
        answer = page.get(path, headers={"Accept": "text/html"})
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


@pytest.mark.usefixtures("within_a_minute")
def test_one_device_that_asks_too_often_leaves_the_others_something(
    as_alice: Caller, alice: User, settings: Settings
) -> None:
    settings.TOKEN_REQUESTS_PER_MINUTE = 2
    assert [as_alice.get("/api/me/").status for _ in range(3)] == [200, 200, 429]
    assert Caller(alice).get("/api/me/").status == 200


@pytest.mark.usefixtures("within_a_minute")
def test_an_address_that_asks_for_too_much_of_anything(as_alice: Caller, settings: Settings) -> None:
    settings.ADDRESS_REQUESTS_PER_MINUTE = 2
    settings.TRUSTED_PROXIES = 1
    page = Client(REMOTE_ADDR="2001:db8::1")
    answers = [page.get(path) for path in ("/login/", "/api/chats/feed/", "/login/")]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60
    assert Client(REMOTE_ADDR="2001:db8::2").get("/login/").status_code == 429
    assert Client(REMOTE_ADDR="2001:db8:1::").get("/login/").status_code == 200
    settings.TRUSTED_PROXIES = 0  # then it may be a proxy, with everybody behind it
    assert Client(REMOTE_ADDR="10.0.0.1").get("/login/").status_code == 200


@pytest.mark.usefixtures("within_a_minute")
def test_asking_too_often(as_alice: Caller, as_bob: Caller, nobody: Caller, settings: Settings) -> None:
    settings.REQUESTS_PER_MINUTE = 2
    for caller in (as_alice, nobody):
        answers = [caller.get("/api/chats/feed/") for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert answers[2].code == "too_many"
        assert 1 <= int(answers[2].headers["Retry-After"]) <= 60
    assert as_bob.get("/api/chats/feed/").status == 200


@pytest.mark.usefixtures("within_a_minute")
def test_posting_too_often(as_alice: Caller, settings: Settings) -> None:
    settings.POSTS_PER_MINUTE = 1
    assert as_alice.post("/api/chats/feed/messages/", text="one").status == 201
    assert as_alice.post("/api/chats/feed/messages/", text="two").code == "too_many"


@pytest.mark.needs_redis
def test_posting_goes_on_without_the_shared_cache(as_alice: Caller, settings: Settings) -> None:
    caches["default"].close()
    settings.CACHES = settings.CACHES | {
        "default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1"}
    }
    assert as_alice.post("/api/chats/feed/messages/", text="still here").status == 201


@pytest.fixture
def feed_locked_elsewhere() -> Iterator[None]:
    """Another connection holds the feed's lock, and ours waits for it no longer than a moment."""
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Chat.objects.select_for_update().get(uri="feed")
            locked.set()
            done.wait(30)
        connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    assert locked.wait(10)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '20ms'")
    yield
    done.set()
    holder.join()
    with connection.cursor() as cursor:
        cursor.execute("RESET lock_timeout")


@pytest.mark.needs_postgres
@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_do_its_part(as_alice: Caller, feed_locked_elsewhere: None) -> None:
    answer = as_alice.post("/api/chats/feed/messages/", text="hello")
    assert (answer.status, answer.code) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "2"
    assert as_alice.get("/api/chats/feed/").body["message_count"] == 0


def test_a_lost_connection_is_an_outage_and_a_defect_is_not() -> None:
    for error in (OperationalError("gone"), InterfaceError("closed")):
        answer = answer_error(error, {})
        assert answer is not None
        assert answer.status_code == 503
    assert answer_error(KeyError("ours"), {}) is None


def test_a_host_that_is_not_ours(nobody: Caller) -> None:
    answer = nobody.saying({"Host": "evil.example.org"}).get("/api/chats/feed/messages")
    assert (answer.status, answer.code) == (400, "invalid")


def test_a_defect_of_ours_is_json_too(settings: Settings) -> None:
    browser = Client(raise_request_exception=False)
    settings.REQUESTS_PER_MINUTE = "not a number"
    answer = browser.get("/api/chats/feed/")
    assert (answer.status_code, answer.json()["code"]) == (500, "defect")


# --- Other origins ----------------------------------------------------------------------------------------------------


def test_a_page_of_an_allowed_origin_may_call_with_a_token_and_a_key(
    nobody: Caller, as_alice: Caller, settings: Settings
) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.org"]
    asking = {
        "Origin": "https://app.example.org",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, idempotency-key",
    }
    asked = nobody.saying(asking).send("OPTIONS", "/api/chats/feed/messages/")
    assert asked.status == 200
    assert asked.headers["access-control-allow-origin"] == "https://app.example.org"
    for header in ("authorization", "content-type", "idempotency-key"):
        assert header in asked.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in asked.headers
    answer = as_alice.saying({"Origin": "https://app.example.org"}).get("/api/me/")
    assert answer.headers["access-control-allow-origin"] == "https://app.example.org"
    assert answer.headers["access-control-expose-headers"] == "Retry-After"


def test_a_page_of_another_origin_may_not(as_alice: Caller) -> None:
    answer = as_alice.saying({"Origin": "https://evil.example.org"}).get("/api/me/")
    assert "access-control-allow-origin" not in answer.headers
