"""Joining, inviting, leaving, removing."""

import pytest

from messaging.actions.accounts import sign_up
from tests.api.door import Caller
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(as_alice: Caller, as_bob: Caller) -> str:
    """Alice's, with Bob in it."""
    uri = as_alice.post("/api/chats/", name="Poetry").body["uri"]
    as_bob.post(f"/api/chats/{uri}/members/")
    return f"/api/chats/{uri}/"


def names(caller: Caller, room: str) -> list[str]:
    return [member["user"]["username"] for member in caller.get(f"{room}members/").body["members"]]


def test_the_members_owner_first(as_bob: Caller, room: str) -> None:
    page = as_bob.get(f"{room}members/").body
    assert [(each["user"]["username"], each["role"]) for each in page["members"]] == [
        ("alice", "owner"),
        ("bob", "member"),
    ]
    assert page["position"]["seq"] == 2
    assert all(each["user"]["email"] == "" for each in page["members"])


def test_the_members_page_by_page(as_alice: Caller, room: str) -> None:
    for number in range(3):
        sign_up(username=f"guest{number}", password=PASSWORD)
        as_alice.post(f"{room}members/", username=f"guest{number}")
    found = []
    after: dict[str, object] = {}
    for _ in range(10):
        page = as_alice.get(f"{room}members/", limit=2, **after).body
        found += [each["user"]["username"] for each in page["members"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert found == ["alice", "bob", "guest0", "guest1", "guest2"]
    assert as_alice.get(f"{room}members/", after=999999).code == "invalid_cursor"


def test_joining_twice_is_joining_once(as_bob: Caller, room: str) -> None:
    again = as_bob.post(f"{room}members/", username="BOB")
    assert (again.status, again.body["message"]) == (200, "bob joined that chat")
    assert names(as_bob, room) == ["alice", "bob"]


def test_a_member_invites_while_the_link_is_open(
    as_alice: Caller, as_bob: Caller, as_charlie: Caller, room: str
) -> None:
    as_alice.patch(room, link_open=False)
    assert as_bob.post(f"{room}members/", username="charlie").code == "not_the_owner"
    as_alice.patch(room, link_open=True)
    assert as_bob.post(f"{room}members/", username="charlie").status == 200
    assert names(as_charlie, room) == ["alice", "bob", "charlie"]


def test_charlie_cannot_invite_into_a_room_that_he_is_not_in(as_charlie: Caller, room: str) -> None:
    sign_up(username="dora", password=PASSWORD)
    assert as_charlie.post(f"{room}members/", username="dora").code == "not_a_member"
    assert as_charlie.get(f"{room}members/").code == "not_a_member"


def test_inviting_nobody(as_alice: Caller, room: str) -> None:
    answer = as_alice.post(f"{room}members/", username="no-such-person")
    assert (answer.status, answer.code) == (404, "no_such_person")


def test_leaving(as_alice: Caller, as_bob: Caller, room: str) -> None:
    assert as_bob.delete(f"{room}members/Bob/").status == 204
    assert names(as_alice, room) == ["alice"]
    assert as_bob.get(f"{room}messages/").code == "not_a_member"


def test_the_room_of_an_owner_who_leaves_is_the_next_one_s(
    as_alice: Caller, as_bob: Caller, room: str
) -> None:
    assert as_alice.delete(f"{room}members/alice/").status == 204
    assert as_bob.get(room).body["role"] == "owner"
    types = [event["type"] for event in as_bob.get(f"{room}events/").body["events"]]
    assert types[-2:] == ["member.left", "member.promoted"]


def test_somebody_removed_comes_back_by_invitation_of_the_owner_only(
    as_alice: Caller, as_bob: Caller, as_charlie: Caller, room: str
) -> None:
    as_charlie.post(f"{room}members/")
    assert as_alice.delete(f"{room}members/bob/").status == 204
    assert as_bob.post(f"{room}members/").status == 404
    assert as_charlie.post(f"{room}members/", username="bob").code == "not_the_owner"
    assert as_bob.get(f"{room}messages/").status in (403, 404)
    assert as_alice.post(f"{room}members/", username="bob").status == 200
    assert as_bob.get(f"{room}messages/").status == 200


def test_only_the_owner_removes(as_bob: Caller, as_charlie: Caller, room: str) -> None:
    as_charlie.post(f"{room}members/")
    assert as_charlie.delete(f"{room}members/bob/").code == "not_the_owner"
    assert as_bob.delete(f"{room}members/alice/").code == "not_the_owner"


def test_removing_somebody_who_is_not_there(as_alice: Caller, as_charlie: Caller, room: str) -> None:
    assert as_alice.delete(f"{room}members/charlie/").code == "no_such_member"
    assert as_alice.delete(f"{room}members/%00/").status == 400


def test_whoever_was_removed_is_not_even_shown_the_room(as_alice: Caller, as_bob: Caller, room: str) -> None:
    as_alice.delete(f"{room}members/bob/")
    assert as_bob.get(room).code == "not_found"
    assert as_bob.get(f"{room}messages/").code == "not_found"
