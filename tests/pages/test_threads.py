"""Threads on the pages: from opening to closing, and nobody else sees anything."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from messaging.models import Chat, User
from tests.pages.visitor import Page, Visitor


def open_thread(visitor: Visitor, username: str) -> Page:
    people = visitor.open(f"/people/?q={username}")
    return visitor.submit(people.form(f"Open a thread with {username}"))


@pytest.fixture
def thread(as_alice: Visitor, bob: User) -> str:
    """The address of a thread between alice and bob."""
    return open_thread(as_alice, "bob").url


def test_two_people_talk(as_alice: Visitor, as_bob: Visitor, thread: str) -> None:
    assert as_alice.open(thread).title == "bob"
    assert as_alice.say(thread, "Hello Bob").url == thread
    page = as_bob.say(thread, "Hello Alice")
    assert page.title == "alice"
    assert page.messages == ["Hello Bob", "Hello Alice"]


def test_nobody_else_sees_anything(
    as_alice: Visitor, as_charlie: Visitor, as_olive: Visitor, nobody: Visitor, thread: str
) -> None:
    as_alice.say(thread, "between us")
    uri = thread.split("/")[2]
    for visitor in (as_charlie, as_olive):
        for path in (thread, f"/messages/{uri}/1/", f"/rooms/{uri}/", f"/messages/{uri}/1/edit/"):
            page = visitor.open(path)
            assert page.status == 404, path
            assert "between us" not in page.html
    assert nobody.open(thread).url.startswith("/login/?next=")


def test_charlie_can_neither_write_nor_close(as_alice: Visitor, as_charlie: Visitor, thread: str) -> None:
    form = as_alice.open(thread).form("Send")
    close = as_alice.open(thread).form("Close thread")
    own = as_charlie.open("/account/").form("Log out").fields
    for foreign in (form, close):
        foreign.fields |= own
        assert as_charlie.submit(foreign, text="let me in").status == 404
    assert as_alice.open(thread).messages == []


def test_opening_it_again_leads_to_it(as_alice: Visitor, as_bob: Visitor, thread: str) -> None:
    assert open_thread(as_alice, "bob").url == thread
    assert open_thread(as_bob, "alice").url == thread


def test_whoever_is_in_a_thread_is_led_back_to_it(as_alice: Visitor, thread: str, charlie: User) -> None:
    assert "You are in a thread." in as_alice.open("/people/").content.said
    page = open_thread(as_alice, "charlie")
    assert page.url == thread
    assert page.notices == ["You are still in this thread: close it before you open another one."]


def test_whoever_is_in_a_thread_cannot_be_had(as_charlie: Visitor, thread: str) -> None:
    page = open_thread(as_charlie, "bob")
    assert page.url.startswith("/people/") or page.url == "/"
    assert page.notices == ["They are in another thread at the moment."]


def test_signing_in_leads_straight_to_it(nobody: Visitor, thread: str) -> None:
    form = nobody.open("/login/?next=/people/").form("Log in")
    page = nobody.submit(form, identifier="bob", password="correct-horse-battery")
    assert page.url == thread


def test_without_exclusive_threads_it_does_not(nobody: Visitor, thread: str, settings: LazySettings) -> None:
    settings.EXCLUSIVE_THREADS = False
    form = nobody.open("/login/?next=/people/").form("Log in")
    assert nobody.submit(form, identifier="bob", password="correct-horse-battery").url == "/people/"


def test_a_closed_thread_stays_readable_and_is_not_written_to(
    as_alice: Visitor, as_bob: Visitor, thread: str
) -> None:
    stale = as_bob.open(thread).form("Send")
    as_alice.say(thread, "The end")
    page = as_alice.submit(as_alice.open(thread).form("Close thread"))
    assert page.url == thread
    assert "This thread is closed." in page.content.said
    assert page.messages == ["The end"]
    page = as_bob.open(thread)
    assert page.messages == ["The end"]
    assert "alice closed it on" in page.content.said
    with pytest.raises(LookupError):
        page.form("Send")
    late = as_bob.submit(stale, text="One more thing")
    assert late.status == 409
    assert late.root.all("textarea")[0].text.strip() == "One more thing"
    assert as_alice.open(thread).messages == ["The end"]


def test_the_other_side_waits_before_it_opens_a_new_one(
    as_alice: Visitor, as_bob: Visitor, thread: str
) -> None:
    as_alice.submit(as_alice.open(thread).form("Close thread"))
    refused = as_bob.submit(as_bob.open(thread).form("Open a new one"))
    assert "You can open a new one in 10 minutes." in refused.notices[0]
    Chat.objects.filter(kind="thread").update(closed_at=timezone.now() - timedelta(minutes=10))
    page = as_bob.submit(as_bob.open(thread).form("Open a new one"))
    assert page.url.startswith("/threads/")
    assert page.url != thread
    assert "This thread is closed." in as_bob.open(thread).content.said


def test_who_closed_it_may_open_a_new_one_at_once(as_alice: Visitor, thread: str) -> None:
    as_alice.submit(as_alice.open(thread).form("Close thread"))
    assert as_alice.submit(as_alice.open(thread).form("Open a new one")).url != thread


def test_nobody_opens_a_thread_with_themselves_or_with_no_one(as_alice: Visitor, bob: User) -> None:
    form = as_alice.open("/people/").form("Open a thread with bob")
    assert as_alice.submit(form, username="alice").status == 400
    assert as_alice.submit(form, username="nemo").status == 404
    assert as_alice.submit(form, username="").status == 404


def test_what_was_read_is_seen(as_alice: Visitor, as_bob: Visitor, thread: str) -> None:
    def is_seen(page: Page) -> bool:
        return any("hidden" not in each.attributes for each in page.root.all("p", **{"class": "seen"}))

    assert not is_seen(as_alice.say(thread, "Did you see this?"))
    page = as_bob.open(thread)
    assert page.url == thread
    as_bob.submit(page.form("Mark as read"))
    assert is_seen(as_alice.open(thread))
    assert not is_seen(as_bob.open(thread))
