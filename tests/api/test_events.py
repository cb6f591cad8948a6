"""Events since a position, and read marks."""

import json

import pytest

from messaging.actions.deployment import bump_epoch
from messaging.models import Chat
from tests.api.door import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(as_alice: Caller, as_bob: Caller) -> str:
    uri = as_alice.post("/api/chats/").body["uri"]
    as_bob.post(f"/api/chats/{uri}/members/")
    for number in range(1, 6):
        as_alice.post(f"/api/chats/{uri}/messages/", text=str(number))
    return f"/api/chats/{uri}/"


def test_everything_since_a_position_page_by_page(as_bob: Caller, room: str) -> None:
    seqs: list[int] = []
    after = 0
    for _ in range(10):
        page = as_bob.get(f"{room}events/", after=after, limit=3).body
        seqs += [event["seq"] for event in page["events"]]
        after = page["seq"]
        if not page["has_newer"]:
            break
    assert seqs == [1, 2, 3, 4, 5, 6, 7]
    assert as_bob.get(f"{room}events/", after=7).body["events"] == []


def test_an_event_and_the_message_it_tells_of_are_equal(as_bob: Caller, room: str) -> None:
    message = as_bob.get(f"{room}messages/1/").body
    event = as_bob.get(f"{room}events/", after=2, limit=1).body["events"][0]
    assert event["message"].items() <= message.items()


def test_a_position_of_another_epoch(as_bob: Caller, room: str) -> None:
    epoch = as_bob.get(room).body["position"]["epoch"]
    assert as_bob.get(f"{room}events/", epoch=epoch).status == 200
    bump_epoch()
    answer = as_bob.get(f"{room}events/", epoch=epoch)
    assert (answer.status, answer.code) == (409, "epoch_changed")
    assert answer.body["epoch"] == as_bob.get(room).body["position"]["epoch"]


def test_a_position_that_the_log_has_not_reached(as_bob: Caller, room: str) -> None:
    assert as_bob.get(f"{room}events/", after=8).code == "position_unknown"


def test_a_position_that_has_been_pruned(as_bob: Caller, room: str) -> None:
    Chat.objects.filter(kind="room").update(pruned_seq=4)
    answer = as_bob.get(f"{room}events/", after=3)
    assert (answer.status, answer.code, answer.body["pruned_seq"]) == (409, "position_pruned", 4)
    assert as_bob.get(f"{room}events/", after=4).status == 200


def test_charlie_gets_no_events(as_charlie: Caller, room: str) -> None:
    assert as_charlie.get(f"{room}events/").code == "not_a_member"


def test_read_marks_rise_and_are_told(as_alice: Caller, as_bob: Caller, room: str) -> None:
    assert as_bob.get(room).body["unread"] == 5
    assert as_bob.post(f"{room}read/", number=3).body == {"number": 3}
    assert as_bob.post(f"{room}read/", number=1).body == {"number": 3}
    assert as_bob.get(room).body["unread"] == 2
    assert as_bob.post(f"{room}read/", number=99).body == {"number": 5}
    ids = {
        member["user"]["username"]: str(member["user"]["id"])
        for member in as_alice.get(f"{room}members/").body["members"]
    }
    answer = as_alice.get(f"{room}read/").body
    assert answer["marks"] == {ids["alice"]: 5, ids["bob"]: 5}
    assert answer["position"]["seq"] == 7


def test_charlie_has_nothing_to_mark(as_charlie: Caller, room: str) -> None:
    assert as_charlie.post(f"{room}read/", number=1).code == "not_a_member"
    assert as_charlie.get(f"{room}read/").code == "not_a_member"


def test_a_whole_number_may_have_a_point(as_bob: Caller, room: str) -> None:
    assert as_bob.post(f"{room}read/", number=2.0).body == {"number": 2}


@pytest.mark.parametrize("number", [-1, "3", 1.5, 2**53, 1e300, 10**30, None, True])
def test_what_is_no_read_mark(as_bob: Caller, room: str, number: object) -> None:
    raw = json.dumps({"number": number}).encode()
    assert as_bob.send("POST", f"{room}read/", raw=raw).status == 400


def test_a_mark_in_the_feed_is_ones_own(as_alice: Caller, as_bob: Caller) -> None:
    as_alice.post("/api/chats/feed/messages/", text="hello all")
    assert as_bob.get("/api/chats/feed/").body["unread"] == 1
    assert as_bob.post("/api/chats/feed/read/", number=1).body == {"number": 1}
    assert as_bob.get("/api/chats/feed/").body["unread"] == 0
    assert as_alice.get("/api/chats/feed/read/").body["marks"] == {}
