"""The list of one's chats, and the list of people."""

import pytest
from django.conf import LazySettings

from frontend.pages.views import chats, people
from messaging.actions.accounts import sign_up
from messaging.actions.chats import create_room
from messaging.actions.messages import post_message
from messaging.actions.threads import open_thread
from messaging.models import User
from tests.pages.visitor import Page, Visitor


def lines(page: Page) -> list[str]:
    return [
        each.said for each in page.content.all("a") if "chat-line" in each.attributes.get("class", "").split()
    ]


def test_a_chat_says_who_it_is_with_what_was_said_last_and_what_is_new(
    as_alice: Visitor, as_bob: Visitor, alice: User, bob: User
) -> None:
    thread, _ = open_thread(user=alice, username="bob")
    post_message(user=alice, chat=thread.uri, text="Hello Bob")
    post_message(user=alice, chat=thread.uri, text="Are you there?")
    line = lines(as_bob.open("/chats/"))[0]
    assert line.startswith("alice 2 unread alice: Are you there?")
    page = as_bob.open(f"/threads/{thread.uri}/")
    as_bob.submit(page.form("Mark as read"))
    assert "unread" not in lines(as_bob.open("/chats/"))[0]
    assert lines(as_alice.open("/chats/"))[0].startswith("bob alice: Are you there?")


def test_the_list_goes_on(as_alice: Visitor, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chats, "LISTED", 2)
    for name in ("one", "two", "three"):
        create_room(user=alice, name=name)
    first = as_alice.open("/chats/")
    assert [line.split()[0] for line in lines(first)] == ["three", "two"]
    second = as_alice.open(first.link("Older chats"))
    assert [line.split()[0] for line in lines(second)] == ["one", "Feed"]
    assert not second.has("a", "Older chats")
    assert as_alice.open("/chats/?before=nonsense").status == 400


def test_everybody_has_a_list_of_their_own(as_alice: Visitor, as_charlie: Visitor, alice: User) -> None:
    create_room(user=alice, name="Harbour watch")
    assert len(lines(as_alice.open("/chats/"))) == 2
    assert len(lines(as_charlie.open("/chats/"))) == 1


def test_reading_marks_need_a_chat_that_one_reads(as_alice: Visitor, as_charlie: Visitor, bob: User) -> None:
    thread, _ = open_thread(user=bob, username="alice")
    post_message(user=bob, chat=thread.uri, text="Hello Alice")
    form = as_alice.open(f"/threads/{thread.uri}/").form("Mark as read")
    assert as_alice.submit(form, number="x").status == 400
    form.fields |= as_charlie.open("/account/").form("Log out").fields
    assert as_charlie.submit(form).status == 404


def test_people_are_found_by_the_beginning_of_their_names(as_alice: Visitor, bob: User) -> None:
    for name in ("boris", "Bo", "olive"):
        sign_up(username=name, password="correct-horse-battery")
    page = as_alice.submit(as_alice.open("/people/").form("Search"), q="bO")
    names = [each.said for each in page.content.all("bdi")]
    assert sorted(names) == ["Bo", "bob", "boris"]
    assert "“nobody”" in as_alice.open("/people/?q=nobody").content.said
    assert as_alice.open("/people/?q=%00").status == 400
    assert as_alice.open(f"/people/?q={'x' * 151}").status == 400


def test_the_list_of_people_goes_on(
    as_alice: Visitor, bob: User, charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "LISTED", 2)
    first = as_alice.open("/people/")
    assert [each.said for each in first.content.all("bdi")] == ["alice", "bob"]
    second = as_alice.open(first.link("More people"))
    assert [each.said for each in second.content.all("bdi")] == ["charlie"]


def test_people_and_chats_are_for_those_who_have_signed_in(nobody: Visitor, settings: LazySettings) -> None:
    for path in ("/chats/", "/people/?q=a", "/account/", "/rooms/new/", "/password/change/"):
        page = nobody.open(path)
        assert page.url.startswith(f"{settings.LOGIN_URL}?next=/"), path
        assert page.title == "Log in"
