"""The curl session of the older project, word for word; only tokens and uris differ."""

import pytest

from tests.api.door import Caller

pytestmark = pytest.mark.django_db(transaction=True)

PERSON = {"id", "username", "email", "first_name", "last_name"}


def test_the_seed_s_transcript(nobody: Caller) -> None:
    signed_up = nobody.form("POST", "/auth/users/create/", "username=alexmhack&password=django-chat-1")
    assert signed_up.status == 201
    assert {"username": "alexmhack", "email": ""}.items() <= signed_up.body.items()
    nobody.form("POST", "/auth/users/create/", "username=alex&password=django-chat-2")

    logged_in = nobody.form("POST", "/auth/token/create/", "username=alexmhack&password=django-chat-1")
    assert logged_in.status == 200
    alexmhack = Caller(token=logged_in.body["auth_token"])
    alex = Caller(
        token=nobody.form("POST", "/auth/token/create/", "username=alex&password=django-chat-2").body[
            "auth_token"
        ]
    )

    created = alexmhack.form("POST", "/api/chats/", "")
    assert {"status": "SUCCESS", "message": "New chat session created"}.items() <= created.body.items()
    chat = f"/api/chats/{created.body['uri']}/"

    joined = alex.form("PATCH", chat, "username=alex")
    assert joined.status == 200
    assert joined.body["status"] == "SUCCESS"
    assert joined.body["message"] == "alex joined that chat"
    assert [member["username"] for member in joined.body["members"]] == ["alexmhack", "alex"]
    assert joined.body["user"]["username"] == "alex"
    assert joined.body["user"].keys() >= PERSON
    assert all(member.keys() >= PERSON for member in joined.body["members"])

    said = alexmhack.form("POST", f"{chat}messages/", "message=Hello there")
    assert {"status": "SUCCESS", "uri": created.body["uri"], "message": "Hello there"}.items() <= (
        said.body.items()
    )
    assert said.body["user"]["username"] == "alexmhack"
    assert {"id", "number", "seq"} <= said.body.keys()

    history = alex.get(f"{chat}messages/")
    assert {"id", "uri", "messages"} <= history.body.keys()
    assert [(each["user"]["username"], each["message"]) for each in history.body["messages"]] == [
        ("alexmhack", "Hello there")
    ]

    assert alexmhack.form("POST", "/auth/token/destroy/", "").status == 204
    assert alexmhack.get(f"{chat}messages/").status == 401


def test_a_stranger_with_a_valid_token_gets_nothing(
    as_alice: Caller, as_charlie: Caller, nobody: Caller
) -> None:
    uri = as_alice.post("/api/chats/", link_open=False).body["uri"]
    as_alice.post(f"/api/chats/{uri}/messages/", text="for friends")
    nobody.post("/auth/users/", username="dora", password="long-enough-9")
    for answer in (
        as_charlie.get(f"/api/chats/{uri}/messages/"),
        as_charlie.get(f"/api/chats/{uri}/"),
        as_charlie.get(f"/api/chats/{uri}/events/"),
        as_charlie.get(f"/api/chats/{uri}/members/"),
        as_charlie.get(f"/api/chats/{uri}/read/"),
        as_charlie.get(f"/api/chats/{uri}/messages/1/"),
        as_charlie.post(f"/api/chats/{uri}/messages/", text="let me in"),
        as_charlie.form("PATCH", f"/api/chats/{uri}/", "username=charlie"),
        as_charlie.form("PATCH", f"/api/chats/{uri}/", "username=dora"),
        as_charlie.post(f"/api/chats/{uri}/members/", username="dora"),
        as_charlie.patch(f"/api/chats/{uri}/", name="mine"),
        as_charlie.delete(f"/api/chats/{uri}/members/alice/"),
        as_charlie.post(f"/api/chats/{uri}/read/", number=1),
        as_charlie.post(f"/api/chats/{uri}/close/"),
    ):
        assert answer.status == 404
        assert answer.body == {"code": "not_found", "detail": "There is no such chat."}
    assert uri not in [chat["uri"] for chat in as_charlie.get("/api/chats/").body["chats"]]
    assert as_alice.get(f"/api/chats/{uri}/").body["member_count"] == 1
