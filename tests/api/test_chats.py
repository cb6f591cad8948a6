"""The list of chats, rooms, previews."""

import pytest

from messaging.actions.accounts import sign_up
from messaging.models import User
from tests.api.door import Caller
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def test_the_list_has_the_feed_and_ones_chats_most_recently_active_first(
    as_alice: Caller, as_bob: Caller
) -> None:
    quiet = as_alice.post("/api/chats/", name="Quiet").body["uri"]
    busy = as_alice.post("/api/chats/", name="Busy").body["uri"]
    as_bob.post(f"/api/chats/{quiet}/members/")
    as_bob.post(f"/api/chats/{busy}/members/")
    as_bob.post(f"/api/chats/{busy}/messages/", text="news")

    listed = as_alice.get("/api/chats/").body
    assert listed["next"] is None
    assert [chat["uri"] for chat in listed["chats"]] == [busy, quiet, "feed"]
    first = listed["chats"][0]
    assert first["unread"] == 1
    assert first["last_message"]["text"] == "news"
    assert first["position"]["seq"] == 3
    assert first["role"] == "owner"


def test_the_list_is_read_page_by_page(as_alice: Caller) -> None:
    uris = [as_alice.post("/api/chats/").body["uri"] for _ in range(5)]
    found: list[str] = []
    before: dict[str, object] = {}
    for _ in range(10):
        page = as_alice.get("/api/chats/", limit=2, **before).body
        found += [chat["uri"] for chat in page["chats"]]
        if page["next"] is None:
            break
        before = {"before": page["next"]}
    assert found == [*reversed(uris), "feed"]
    assert as_alice.get("/api/chats/", before="yesterday").code == "invalid_cursor"


def test_the_feed_is_in_the_list_of_somebody_who_has_never_been_there() -> None:
    root = User.objects.create_superuser("root", "", PASSWORD)
    assert [chat["uri"] for chat in Caller(root).get("/api/chats/").body["chats"]] == ["feed"]


def test_charlie_s_list_has_nothing_of_the_others(
    as_alice: Caller, as_bob: Caller, as_charlie: Caller
) -> None:
    uri = as_alice.post("/api/chats/").body["uri"]
    as_bob.post(f"/api/chats/{uri}/members/")
    assert [chat["uri"] for chat in as_charlie.get("/api/chats/").body["chats"]] == ["feed"]


def test_creating_a_room_twice_with_one_key_makes_one(as_alice: Caller) -> None:
    first = as_alice.saying({"Idempotency-Key": "k1"}).post("/api/chats/", name="Poetry")
    again = as_alice.post("/api/chats/", name="Poetry", client_id="k1")
    assert (first.status, again.status) == (201, 201)
    assert first.body["uri"] == again.body["uri"]
    other = as_alice.saying({"Idempotency-Key": "k1"}).post("/api/chats/", name="Prose")
    assert (other.status, other.code) == (409, "idempotency_mismatch")


def test_a_repeat_after_one_has_left_gets_the_first_answer(as_alice: Caller) -> None:
    first = as_alice.post("/api/chats/", name="Poetry", client_id="k1")
    as_alice.delete(f"/api/chats/{first.body['uri']}/members/alice/")
    again = as_alice.post("/api/chats/", name="Poetry", client_id="k1")
    assert (again.status, again.body["uri"], again.body["chat"]) == (201, first.body["uri"], None)


def test_two_different_keys_in_one_request_are_refused(as_alice: Caller) -> None:
    answer = as_alice.saying({"Idempotency-Key": "b"}).post("/api/chats/", client_id="a")
    assert (answer.status, answer.code) == (400, "invalid")


def test_somebody_with_the_link_sees_the_name_and_nothing_that_was_said(
    as_alice: Caller, as_charlie: Caller, nobody: Caller
) -> None:
    uri = as_alice.post("/api/chats/", name="Poetry").body["uri"]
    as_alice.post(f"/api/chats/{uri}/messages/", text="a secret")
    preview = as_charlie.get(f"/api/chats/{uri}/")
    assert preview.body == {
        "uri": uri,
        "kind": "room",
        "name": "Poetry",
        "member_count": 1,
        "joined": False,
    }
    messages = as_charlie.get(f"/api/chats/{uri}/messages/")
    assert (messages.status, messages.code) == (403, "not_a_member")
    assert nobody.get(f"/api/chats/{uri}/").status == 401
    assert as_alice.get(f"/api/chats/{uri}/").body["member_count"] == 1


def test_the_owner_renames_the_room_and_switches_the_link_off(as_alice: Caller, as_charlie: Caller) -> None:
    uri = as_alice.post("/api/chats/").body["uri"]
    changed = as_alice.patch(f"/api/chats/{uri}/", name="Prose", link_open=False)
    assert (changed.status, changed.body["name"], changed.body["link_open"]) == (200, "Prose", False)
    assert as_charlie.get(f"/api/chats/{uri}/").status == 404
    assert as_charlie.patch(f"/api/chats/{uri}/", username="charlie").status == 404
    assert as_alice.patch(f"/api/chats/{uri}/").status == 400


def test_a_member_who_is_not_the_owner_cannot_change_the_room(as_alice: Caller, as_bob: Caller) -> None:
    uri = as_alice.post("/api/chats/").body["uri"]
    as_bob.post(f"/api/chats/{uri}/members/")
    assert as_bob.patch(f"/api/chats/{uri}/", name="Mine").code == "not_the_owner"


def test_a_form_may_say_false(as_alice: Caller) -> None:
    uri = as_alice.form("POST", "/api/chats/", "name=Poetry&link_open=false").body["uri"]
    assert as_alice.get(f"/api/chats/{uri}/").body["link_open"] is False


def test_in_json_false_is_not_a_word(as_alice: Caller) -> None:
    answer = as_alice.post("/api/chats/", link_open="false")
    assert (answer.status, list(answer.body["fields"])) == (400, ["link_open"])


def test_the_feed_is_for_everybody_to_read(nobody: Caller, as_alice: Caller) -> None:
    as_alice.post("/api/chats/feed/messages/", text="Good morning")
    assert nobody.get("/api/chats/feed/").body["kind"] == "feed"
    assert [each["message"] for each in nobody.get("/api/chats/feed/messages/").body["messages"]] == [
        "Good morning"
    ]
    assert nobody.get("/api/chats/feed/messages/1/").body["text"] == "Good morning"
    assert nobody.get("/api/chats/feed/events/").body["events"][0]["type"] == "message.posted"
    assert nobody.get("/api/chats/feed/members/").body["members"] == []
    assert nobody.get("/api/chats/feed/read/").body["marks"] == {}


def test_the_feed_is_written_to_with_an_account_only(nobody: Caller) -> None:
    for answer in (
        nobody.post("/api/chats/feed/messages/", text="spam"),
        nobody.patch("/api/chats/feed/", username="alice"),
        nobody.post("/api/chats/feed/read/", number=1),
        nobody.post("/api/chats/feed/members/"),
    ):
        assert (answer.status, answer.code) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Token"


def test_the_feed_is_not_a_room(as_alice: Caller) -> None:
    sign_up(username="bob", password=PASSWORD)
    assert as_alice.patch("/api/chats/feed/", username="bob").code == "not_a_room"
    assert as_alice.patch("/api/chats/feed/", name="Mine").status == 403
    assert as_alice.delete("/api/chats/feed/members/alice/").code == "not_a_room"
    assert as_alice.post("/api/chats/feed/close/").code == "not_a_thread"
