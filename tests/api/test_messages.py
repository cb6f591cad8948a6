"""Posting, reading, editing, deleting."""

import pytest

from tests.api.door import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(as_alice: Caller, as_bob: Caller) -> str:
    uri = as_alice.post("/api/chats/", link_open=True).body["uri"]
    as_bob.post(f"/api/chats/{uri}/members/")
    return f"/api/chats/{uri}/"


def texts(caller: Caller, room: str, **query: object) -> list[str]:
    return [each["text"] for each in caller.get(f"{room}messages/", **query).body["messages"]]


def test_a_post_is_answered_with_its_number_and_seq(as_alice: Caller, room: str) -> None:
    posted = as_alice.post(f"{room}messages/", text="Good morning")
    assert posted.status == 201
    assert {"number": 1, "seq": 3, "text": "Good morning", "message": "Good morning"}.items() <= (
        posted.body.items()
    )
    assert posted.body["user"] == posted.body["author"]
    assert posted.body["created_at"].endswith("Z")
    one = as_alice.get(f"{room}messages/1/").body
    assert one.items() <= posted.body.items()
    assert as_alice.get(f"{room}messages/").body["messages"] == [one]


@pytest.mark.parametrize("word", ["text", "message"])
def test_the_text_has_two_names(as_alice: Caller, room: str, word: str) -> None:
    assert as_alice.post(f"{room}messages/", {word: "hi"}).body["text"] == "hi"


def test_a_repeat_with_the_same_key_posts_nothing(as_alice: Caller, room: str) -> None:
    first = as_alice.saying({"Idempotency-Key": "k"}).post(f"{room}messages/", text="once")
    again = as_alice.post(f"{room}messages/", text="once", client_id="k")
    assert (again.status, again.body) == (first.status, first.body)
    other = as_alice.post(f"{room}messages/", text="twice", client_id="k")
    assert (other.status, other.code) == (409, "idempotency_mismatch")
    assert texts(as_alice, room) == ["once"]


def test_pages_in_both_directions(as_alice: Caller, as_bob: Caller, room: str) -> None:
    for number in range(1, 8):
        as_alice.post(f"{room}messages/", text=str(number))
    newest = as_bob.get(f"{room}messages/", limit=3).body
    assert [each["number"] for each in newest["messages"]] == [5, 6, 7]
    assert (newest["has_older"], newest["has_newer"]) == (True, False)
    assert newest["position"]["seq"] == 9
    assert texts(as_bob, room, limit=3, before=5) == ["2", "3", "4"]
    assert texts(as_bob, room, limit=3, after=1) == ["2", "3", "4"]
    assert texts(as_bob, room, limit=3, around=4) == ["3", "4", "5"]
    assert texts(as_bob, room, before=1) == []
    oldest = as_bob.get(f"{room}messages/", limit=2, after=0).body
    assert (oldest["has_older"], oldest["has_newer"]) == (False, True)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=many",
        "before=-1",
        "before=" + "9" * 400,
        "before=" + "9" * 5000,
        "after=%00",
        "before=1&after=1",
        "around=1.5",
        "limit=",
    ],
)
def test_what_a_page_cannot_be_asked_for(as_alice: Caller, room: str, query: str) -> None:
    answer = as_alice.send("GET", f"{room}messages/?{query}")
    assert (answer.status, answer.code) == (400, "invalid")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": ""},
        {"text": "  \n"},
        {"text": 5},
        {"text": None},
        {"text": ["a"]},
        {"text": "x" * 8001},
        {"text": "hi", "colour": "red"},
        {"text": "hi", "client_id": ""},
        {"text": "hi", "client_id": "k" * 101},
        {"text": "hi", "client_id": 7},
        {"text": "hi", "chat": "feed"},
        ["text"],
        "text",
        5,
    ],
)
def test_what_cannot_be_posted(as_alice: Caller, room: str, body: object) -> None:
    answer = as_alice.post(f"{room}messages/", body)
    assert (answer.status, answer.code) == (400, "invalid")
    assert texts(as_alice, room) == []


def test_a_text_as_long_as_may_be(as_alice: Caller, room: str) -> None:
    assert as_alice.post(f"{room}messages/", text="ü" * 8000).status == 201


def test_editing_ones_own(as_alice: Caller, as_bob: Caller, room: str) -> None:
    as_alice.post(f"{room}messages/", text="Good mornig")
    edited = as_alice.patch(f"{room}messages/1/", text="Good morning")
    assert (edited.status, edited.body["message"]) == (200, "Good morning")
    assert edited.body["edited_at"] is not None
    assert as_bob.patch(f"{room}messages/1/", text="Bob was here").code == "not_the_author"
    assert texts(as_bob, room) == ["Good morning"]


def test_deleting_blanks_everywhere(as_alice: Caller, as_bob: Caller, room: str) -> None:
    as_alice.post(f"{room}messages/", text="a secret")
    as_alice.patch(f"{room}messages/1/", text="another secret")
    assert as_bob.delete(f"{room}messages/1/").code == "not_the_author"
    deleted = as_alice.delete(f"{room}messages/1/")
    assert (deleted.status, deleted.body["text"], deleted.body["message"]) == (200, "", "")
    assert deleted.body["deleted_at"] is not None
    for path in ("messages/", "events/"):
        assert "secret" not in str(as_bob.get(f"{room}{path}").body)
    assert as_bob.get(f"{room}messages/").body["messages"][0]["number"] == 1
    assert as_alice.patch(f"{room}messages/1/", text="back again").code == "message_deleted"
    assert as_alice.delete(f"{room}messages/1/").status == 200


def test_an_operator_deletes_what_she_cannot_read(as_alice: Caller, as_olive: Caller, room: str) -> None:
    as_alice.post(f"{room}messages/", text="abuse")
    assert as_olive.get(f"{room}messages/1/").status == 403
    assert as_olive.delete(f"{room}messages/1/").body["text"] == ""
    assert texts(as_alice, room) == [""]


def test_charlie_cannot_read_post_edit_or_delete(as_alice: Caller, as_charlie: Caller, room: str) -> None:
    as_alice.post(f"{room}messages/", text="for Bob")
    for answer in (
        as_charlie.get(f"{room}messages/"),
        as_charlie.get(f"{room}messages/1/"),
        as_charlie.post(f"{room}messages/", text="me too"),
        as_charlie.patch(f"{room}messages/1/", text="for Charlie"),
        as_charlie.delete(f"{room}messages/1/"),
    ):
        assert (answer.status, answer.code) == (403, "not_a_member")
    assert texts(as_alice, room) == ["for Bob"]


def test_a_message_that_is_not_there(as_alice: Caller, room: str) -> None:
    assert as_alice.get(f"{room}messages/1/").code == "no_such_message"
    assert as_alice.get(f"{room}messages/999999999999999/").code == "no_such_message"
    assert as_alice.get(f"{room}messages/{'9' * 5000}/").code == "not_found"


def test_what_was_said_while_one_was_away_stays_unseen(as_alice: Caller, as_bob: Caller, room: str) -> None:
    as_alice.post(f"{room}messages/", text="before")
    as_bob.delete(f"{room}members/bob/")
    as_alice.post(f"{room}messages/", text="behind his back")
    as_bob.post(f"{room}members/")
    as_alice.post(f"{room}messages/", text="after")
    assert texts(as_bob, room) == ["before", "after"]
    assert as_bob.get(f"{room}messages/2/").status == 404
    assert "behind" not in str(as_bob.get(f"{room}events/").body)
    assert as_bob.post(f"{room}read/", number=2).status == 200
    assert "behind" not in str(as_bob.get("/api/chats/").body)
