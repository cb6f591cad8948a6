"""People, oneself, one's devices, and what operators do to people."""

from datetime import timedelta

import pytest
from django.utils import timezone

from messaging.actions.accounts import delete_account, sign_up
from messaging.models import Token, User
from tests.api.door import Caller
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def found(caller: Caller, **query: object) -> list[str]:
    return [user["username"] for user in caller.get("/api/users/", **query).body["users"]]


def test_people_are_found_by_the_beginning_of_their_names(as_alice: Caller, bob: User) -> None:
    sign_up(username="bobby", password=PASSWORD)
    assert found(as_alice, search="BOB") == ["bob", "bobby"]
    assert found(as_alice, search="ob") == []
    assert found(as_alice) == ["alice", "bob", "bobby"]


def test_people_page_by_page(as_alice: Caller) -> None:
    for number in range(4):
        sign_up(username=f"guest{number}", password=PASSWORD)
    first = as_alice.get("/api/users/", limit=3).body
    assert (len(first["users"]), first["next"]) == (3, "guest1")
    second = as_alice.get("/api/users/", limit=3, after="guest1").body
    assert ([user["username"] for user in second["users"]], second["next"]) == (["guest2", "guest3"], None)


def test_a_search_takes_nothing_for_a_pattern(as_alice: Caller) -> None:
    for search in ("%", "_", "\\", "'"):
        assert found(as_alice, search=search) == []
    assert as_alice.get("/api/users/", search="\0").status == 400
    assert as_alice.get("/api/users/", limit=51).status == 400


def test_nobody_s_address_is_shown_to_others(as_bob: Caller, alice: User) -> None:
    assert as_bob.get("/api/users/", search="alice").body["users"][0]["email"] == ""


def test_people_who_have_gone_are_not_found(as_alice: Caller, bob: User) -> None:
    delete_account(user=bob)
    assert found(as_alice) == ["alice"]


def test_oneself(as_alice: Caller, as_olive: Caller) -> None:
    assert {"username": "alice", "email": "alice@example.org", "operator": False}.items() <= (
        as_alice.get("/api/me/").body.items()
    )
    assert as_olive.get("/api/me/").body["operator"] is True


def test_only_for_people_with_an_account(nobody: Caller) -> None:
    for path in ("/api/me/", "/api/users/", "/api/devices/", "/api/chats/"):
        assert nobody.get(path).status == 401
    for path in ("/api/chats/", "/api/threads/", "/api/socket-tickets/", "/api/users/alice/suspend/"):
        assert nobody.post(path).status == 401


def test_a_device_is_listed_and_signed_out_by_another(as_alice: Caller, alice: User) -> None:
    lost = Caller(alice)
    devices = as_alice.get("/api/devices/").body["devices"]
    assert [(device["kind"], device["current"]) for device in devices] == [("token", True), ("token", False)]
    assert as_alice.delete(f"/api/devices/{devices[1]['id']}/").status == 204
    assert lost.get("/api/me/").status == 401
    assert as_alice.get("/api/me/").status == 200
    assert as_alice.delete(f"/api/devices/{devices[1]['id']}/").code == "no_such_device"


def test_charlie_cannot_sign_alice_s_device_out(as_alice: Caller, as_charlie: Caller) -> None:
    device = as_alice.get("/api/devices/").body["devices"][0]["id"]
    assert as_charlie.delete(f"/api/devices/{device}/").code == "no_such_device"
    assert as_alice.get("/api/me/").status == 200


def test_an_operator_suspends_and_reinstates(as_olive: Caller, as_bob: Caller, as_alice: Caller) -> None:
    assert as_olive.post("/api/users/bob/suspend/").status == 204
    refused = as_bob.get("/api/me/")
    assert (refused.status, refused.code) == (401, "unauthorized")
    assert found(as_alice, search="bob") == []
    assert as_olive.post("/api/users/BOB/reinstate/").status == 204
    assert as_bob.get("/api/me/").status == 200


def test_only_operators_suspend_and_not_each_other(
    as_alice: Caller, as_bob: Caller, as_olive: Caller
) -> None:
    for path in ("/api/users/bob/suspend/", "/api/users/nobody-here/suspend/", "/api/users/bob/reinstate/"):
        answer = as_alice.post(path)
        assert (answer.status, answer.code) == (403, "not_an_operator")
    assert as_olive.post("/api/users/olive/suspend/").code == "is_operator"
    assert as_olive.post("/api/users/nobody-here/suspend/").code == "no_such_person"
    assert as_bob.get("/api/me/").status == 200


def test_a_token_in_use_is_renewed_every_five_minutes(as_alice: Caller, alice: User) -> None:
    token = Token.objects.get(user=alice)
    before = token.expiry
    as_alice.get("/api/me/")
    token.refresh_from_db()
    assert token.expiry == before
    earlier = before - timedelta(minutes=5)
    Token.objects.update(expiry=earlier, seen_at=timezone.now() - timedelta(minutes=5))
    as_alice.get("/api/me/")
    token.refresh_from_db()
    assert token.expiry >= before
