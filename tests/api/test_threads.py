"""Opening and closing threads."""

import pytest
from pytest_django import Settings

from tests.api.door import Caller

pytestmark = pytest.mark.django_db


def test_opening_answers_201_then_200_for_either(as_alice: Caller, as_bob: Caller) -> None:
    opened = as_alice.post("/api/threads/", username="Bob")
    assert (opened.status, opened.body["kind"], opened.body["state"]) == (201, "thread", "active")
    assert [member["username"] for member in opened.body["members"]] == ["alice", "bob"]
    again = as_bob.post("/api/threads/", username="alice")
    assert (again.status, again.body["uri"]) == (200, opened.body["uri"])


def test_signing_in_leads_to_the_active_thread(as_alice: Caller, as_bob: Caller) -> None:
    assert as_alice.get("/api/me/").body["active_thread"] is None
    uri = as_alice.post("/api/threads/", username="bob").body["uri"]
    assert as_bob.get("/api/me/").body["active_thread"] == uri
    as_bob.post(f"/api/chats/{uri}/close/")
    assert as_bob.get("/api/me/").body["active_thread"] is None


def test_one_active_thread_at_a_time(as_alice: Caller, as_bob: Caller, as_charlie: Caller) -> None:
    uri = as_alice.post("/api/threads/", username="bob").body["uri"]
    own = as_alice.post("/api/threads/", username="charlie")
    assert (own.status, own.code, own.body["uri"]) == (409, "thread_active", uri)
    theirs = as_charlie.post("/api/threads/", username="bob")
    assert (theirs.status, theirs.code) == (409, "person_busy")
    assert uri not in str(theirs.body)


def test_many_at_a_time_where_threads_are_not_exclusive(
    as_alice: Caller, as_bob: Caller, as_charlie: Caller, settings: Settings
) -> None:
    settings.EXCLUSIVE_THREADS = False
    assert as_alice.post("/api/threads/", username="bob").status == 201
    assert as_alice.post("/api/threads/", username="charlie").status == 201
    assert as_alice.get("/api/me/").body["active_thread"] is None


def test_a_closed_thread_is_read_by_both_for_ever_and_written_to_by_nobody(
    as_alice: Caller, as_bob: Caller
) -> None:
    uri = as_alice.post("/api/threads/", username="bob").body["uri"]
    chat = f"/api/chats/{uri}/"
    as_alice.post(f"{chat}messages/", text="bye", client_id="k")
    closed = as_bob.post(f"{chat}close/")
    assert (closed.status, closed.body["state"]) == (200, "closed")
    assert as_bob.post(f"{chat}close/").status == 200
    for caller in (as_alice, as_bob):
        assert [each["text"] for each in caller.get(f"{chat}messages/").body["messages"]] == ["bye"]
        refused = caller.post(f"{chat}messages/", text="one more thing")
        assert (refused.status, refused.code) == (409, "thread_closed")
    assert as_alice.patch(f"{chat}messages/1/", text="hello").code == "thread_closed"
    assert as_alice.delete(f"{chat}messages/1/").code == "thread_closed"
    # What was answered once is answered again.
    assert as_alice.post(f"{chat}messages/", text="bye", client_id="k").status == 201


def test_who_was_closed_on_waits_before_opening_again(
    as_alice: Caller, as_bob: Caller, settings: Settings
) -> None:
    uri = as_alice.post("/api/threads/", username="bob").body["uri"]
    as_bob.post(f"/api/chats/{uri}/close/")
    refused = as_alice.post("/api/threads/", username="bob")
    assert (refused.status, refused.code) == (409, "thread_cooling")
    assert 0 < refused.body["retry_after_s"] <= settings.THREAD_REOPEN_AFTER_S
    assert refused.headers["Retry-After"] == str(refused.body["retry_after_s"])
    reopened = as_bob.post("/api/threads/", username="alice")
    assert reopened.status == 201
    assert reopened.body["uri"] != uri


def test_charlie_has_no_part_in_it(as_alice: Caller, as_bob: Caller, as_charlie: Caller) -> None:
    uri = as_alice.post("/api/threads/", username="bob").body["uri"]
    chat = f"/api/chats/{uri}/"
    as_alice.post(f"{chat}messages/", text="between us")
    for answer in (
        as_charlie.get(chat),
        as_charlie.get(f"{chat}messages/"),
        as_charlie.get(f"{chat}messages/1/"),
        as_charlie.get(f"{chat}events/"),
        as_charlie.get(f"{chat}members/"),
        as_charlie.get(f"{chat}read/"),
        as_charlie.post(f"{chat}messages/", text="hello?"),
        as_charlie.post(f"{chat}members/"),
        as_charlie.patch(chat, username="charlie"),
        as_charlie.post(f"{chat}close/"),
        as_charlie.post(f"{chat}read/", number=1),
    ):
        assert answer.status == 404
    assert as_alice.get(chat).body["state"] == "active"


def test_a_thread_is_for_two(as_alice: Caller, as_bob: Caller, as_charlie: Caller) -> None:
    uri = as_alice.post("/api/threads/", username="bob").body["uri"]
    assert as_alice.post(f"/api/chats/{uri}/members/", username="charlie").code == "not_a_room"
    assert as_alice.delete(f"/api/chats/{uri}/members/bob/").status == 403
    assert as_alice.delete(f"/api/chats/{uri}/members/alice/").code == "not_a_room"
    assert as_alice.patch(f"/api/chats/{uri}/", name="ours").status == 403


def test_whom_one_cannot_open_a_thread_with(as_alice: Caller) -> None:
    assert as_alice.post("/api/threads/", username="nobody-here").code == "no_such_person"
    assert as_alice.post("/api/threads/", username="alice").code == "thread_with_oneself"
    assert as_alice.post("/api/threads/").status == 400
