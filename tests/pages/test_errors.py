"""Refusals are pages in the site's look, never tracebacks; and every page keeps browsers to what is ours."""

import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission
from django.db import InterfaceError, OperationalError
from django.test import Client
from django.urls import URLPattern

from frontend.pages import urls
from frontend.pages.views import feed
from messaging.actions.chats import create_room
from messaging.actions.messages import post_message
from messaging.actions.threads import close_thread, open_thread
from messaging.models import User
from tests.pages.visitor import Page, Visitor


def test_an_unknown_address(nobody: Visitor, as_alice: Visitor) -> None:
    for visitor in (nobody, as_alice):
        for path in ("/nope/", "/rooms/no such/", "/threads/%00/", "/messages/feed/x/"):
            page = visitor.open(path)
            assert page.status == 404, path
            assert page.title == "There is nothing here"
            assert "Content-Security-Policy" in page.headers


def test_a_form_out_of_date(as_alice: Visitor) -> None:
    form = as_alice.open("/").form("Post")
    as_alice.client.cookies["csrftoken"] = "x" * 32
    page = as_alice.submit(form, text="precious words")
    assert (page.status, page.title) == (403, "That is not yours to do")
    assert page.root.all("textarea")[0].text.strip() == "precious words"


@pytest.mark.parametrize("path", ["/logout/", "/rooms/x/join/", "/threads/x/close/", "/chats/feed/read/"])
def test_the_address_of_a_form_is_no_page(as_alice: Visitor, path: str) -> None:
    page = as_alice.open(path)
    assert (page.status, page.title) == (405, "That is not a page")


@pytest.fixture
def silent() -> Client:
    """A client that gets the page that people would get for an exception."""
    return Client(raise_request_exception=False)


@pytest.mark.parametrize("outage", [OperationalError("gone"), InterfaceError("closed")])
def test_without_the_database_the_page_says_so(
    db: None, silent: Client, monkeypatch: pytest.MonkeyPatch, outage: Exception
) -> None:
    def fail(*_: object) -> None:
        raise outage

    monkeypatch.setattr(feed, "visitor", fail)
    page = Page(silent.get("/"), "/")
    assert (page.status, page.title) == (503, "One moment, please")
    assert "gone" not in page.html


def test_a_defect_of_ours_is_a_page_without_a_traceback(
    db: None, silent: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("the secret reason")

    monkeypatch.setattr(feed, "visitor", fail)
    page = Page(silent.get("/"), "/")
    assert (page.status, page.title) == (500, "Something broke")
    assert "secret reason" not in page.html
    assert "Traceback" not in page.html


def test_a_foreign_host_is_refused_with_a_page(db: None) -> None:
    page = Page(Client().get("/", headers={"host": "evil.example"}), "/")
    assert (page.status, page.title) == (400, "That did not make sense")


def test_nobody_chooses_another_codec_for_us(as_alice: Visitor) -> None:
    """In UTF-7, these are half a character, which no database takes."""
    form = as_alice.open("/").form("Post")
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (form.fields | {"text": "+2AA-"}).items()
    ]
    kind = "multipart/form-data; boundary=x; charset="
    body = "".join([*parts, "--x--\r\n"]).encode()
    assert as_alice.client.generic("POST", "/", body, content_type=f"{kind}utf-7").status_code == 302
    assert as_alice.open("/").messages == ["+2AA-"]
    plain = "application/x-www-form-urlencoded; charset=utf-7"
    assert as_alice.client.generic("POST", "/", b"text=%2B2AA-", content_type=plain).status_code == 403


def test_text_that_cannot_be_stored_is_refused(as_alice: Visitor) -> None:
    page = as_alice.say("/", "a\0b", "Post")
    assert (page.status, page.messages) == (400, [])


# Every page there is, by the name of its address.


@pytest.fixture
def addresses(alice: User, bob: User) -> dict[str, str]:
    alice.user_permissions.add(Permission.objects.get(codename="operate"))
    thread, _ = open_thread(user=alice, username="bob")
    post_message(user=bob, chat=thread.uri, text="<i>hello</i>")
    post_message(user=alice, chat="feed", text="hello, all")
    room = create_room(user=alice, name="Harbour watch")
    close_thread(user=bob, chat=thread.uri)
    return {"thread": thread.uri, "room": room.uri}


def pages_of(visitor: Visitor, addresses: dict[str, str]) -> Iterator[Page]:
    for pattern in urls.urlpatterns:
        assert isinstance(pattern, URLPattern)
        path = "/" + re.sub(
            r"<(?:\w+:)?(\w+)>",
            lambda part: {"uri": "feed", "number": "1"}.get(part[1], "x"),
            str(pattern.pattern),
        )
        for kind, uri in addresses.items():
            path = path.replace(f"{kind}s/feed/", f"{kind}s/{uri}/")
        yield visitor.open(path)


def test_every_page_is_guarded_and_has_nothing_inline(
    as_alice: Visitor, nobody: Visitor, addresses: dict[str, str]
) -> None:
    seen = 0
    for page in [*pages_of(as_alice, addresses), *pages_of(nobody, addresses)]:
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'self';" in policy
        assert "unsafe" not in policy
        assert "private" in page.headers["Cache-Control"]
        for element in page.root.inside:
            assert element.tag != "style"
            assert not any(name == "style" or name.startswith("on") for name in element.attributes), page.url
            if element.tag == "script":
                is_data = element.attributes.get("type") == "application/json"
                assert is_data != ("src" in element.attributes), page.url
        seen += page.status == 200
    assert seen > 30


def test_every_page_can_be_found_ones_way_on(as_alice: Visitor, addresses: dict[str, str]) -> None:
    """A heading, a language, a way past the navigation, a label for every field, and no id twice."""
    for page in pages_of(as_alice, addresses):
        assert page.root.all("html")[0].attributes["lang"] == "en"
        assert len(page.root.all("h1")) == 1, page.url
        ids = [each.attributes["id"] for each in page.root.inside if "id" in each.attributes]
        assert len(ids) == len(set(ids)), page.url
        assert "content" in ids
        labelled = {each.attributes.get("for") for each in page.root.all("label")}
        for field in (*page.root.all("input"), *page.root.all("textarea")):
            if field.attributes.get("type") != "hidden":
                assert field.attributes.get("id") in labelled, (page.url, field.attributes)


def test_the_admin_and_the_api_keep_their_own_policy(as_alice: Visitor, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    for path in ("/admin/", "/api/schema/swagger/"):
        page = as_alice.open(path)
        assert page.status == 200
        assert "connect-src" not in page.headers["Content-Security-Policy"]
