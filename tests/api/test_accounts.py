"""Signing up and in, passwords, names, and leaving for good."""

import re

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.test import Client
from pytest_django import Settings

from messaging.actions.accounts import sign_up
from messaging.actions.addresses import confirm_address_of
from messaging.mail import _sender
from messaging.models import LoginFailure, Token, User
from tests.api.door import Caller
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def log_in(nobody: Caller, username: str, password: str = PASSWORD) -> Caller:
    return Caller(
        token=nobody.post("/auth/token/login/", username=username, password=password).body["auth_token"]
    )


# --- Signing up ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/auth/users/", "/auth/users/create/"])
def test_signing_up(nobody: Caller, path: str) -> None:
    answer = nobody.post(
        path, username="dora", password=PASSWORD, email="dora@Example.ORG", first_name="Dora"
    )
    assert answer.status == 201
    assert {"username": "dora", "email": "dora@example.org", "first_name": "Dora"}.items() <= (
        answer.body.items()
    )
    assert "password" not in answer.body
    assert log_in(nobody, "dora").get("/api/me/").body["username"] == "dora"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"username": "dora", "password": "12345678"}, "password"),
        ({"username": "dora", "password": "dora"}, "password"),
        ({"username": "do ra", "password": PASSWORD}, "username"),
        ({"username": "dora@example.org", "password": PASSWORD}, "username"),
        ({"username": "x" * 65, "password": PASSWORD}, "username"),
        ({"username": "", "password": PASSWORD}, "username"),
        ({"username": 5, "password": PASSWORD}, "username"),
        ({"username": "dora", "password": PASSWORD, "email": "nowhere"}, "email"),
        ({"username": "dora"}, "password"),
        ({"username": "dora", "password": PASSWORD, "is_staff": True}, "is_staff"),
    ],
)
def test_what_nobody_signs_up_with(nobody: Caller, fields: dict[str, object], wrong: str) -> None:
    answer = nobody.post("/auth/users/", fields)
    assert answer.status == 400
    assert list(answer.body["fields"]) == [wrong]
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("language", "said"), [("en", "too short"), ("de-AT, en;q=0.5", "zu kurz"), ("tlh", "too short")]
)
def test_what_is_wrong_with_a_password_is_said_in_the_readers_language(
    nobody: Caller, language: str, said: str
) -> None:
    reader = nobody.saying({"Accept-Language": language})
    answer = reader.post("/auth/users/", username="dora", password="a7")
    assert said in answer.body["fields"]["password"][0]
    assert "Accept-Language" in answer.headers["Vary"]


def test_no_name_can_have_a_nul(nobody: Caller) -> None:
    answer = nobody.form("POST", "/auth/users/", f"username=do%00ra&password={PASSWORD}")
    assert (answer.status, list(answer.body["fields"])) == (400, ["username"])


def test_a_name_is_taken_in_any_case(nobody: Caller, alice: User) -> None:
    answer = nobody.post("/auth/users/", username="ALICE", password=PASSWORD)
    assert (answer.status, answer.code) == (400, "username_taken")


@pytest.mark.usefixtures("within_a_minute")
def test_sign_ups_from_one_address_are_limited(nobody: Caller, settings: Settings) -> None:
    settings.SIGNUPS_PER_MINUTE = 1
    nobody.post("/auth/users/", username="dora", password=PASSWORD)
    answer = nobody.post("/auth/users/", username="dora2", password=PASSWORD)
    assert (answer.status, answer.code) == (429, "too_many")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


# --- Logging in and out ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/auth/token/login/", "/auth/token/create/"])
@pytest.mark.parametrize("name", ["alice", "ALICE", "alice@example.org", "Alice@Example.org"])
def test_logging_in_by_name_or_address(nobody: Caller, alice: User, path: str, name: str) -> None:
    answer = nobody.post(path, username=name, password=PASSWORD, name="phone")
    assert answer.status == 200
    assert {"auth_token", "id", "name", "expires_at", "user"} == answer.body.keys()
    me = Caller(token=answer.body["auth_token"])
    device = me.get("/api/devices/").body["devices"][0]
    assert (device["id"], device["name"], device["current"]) == (answer.body["id"], "phone", True)


def test_the_token_is_kept_as_a_hash(as_alice: Caller) -> None:
    assert as_alice.token not in str(Token.objects.values())


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(nobody: Caller, alice: User) -> None:
    answers = [
        nobody.post("/auth/token/login/", username=name, password="wrong")
        for name in ("alice", "no-such-person", "nowhere@example.org")
    ]
    assert {answer.status for answer in answers} == {400}
    assert len({str(answer.body) for answer in answers}) == 1
    assert answers[0].code == "invalid_credentials"


def test_a_suspended_account_is_answered_like_a_wrong_password(nobody: Caller, alice: User) -> None:
    User.objects.update(is_active=False)
    assert (
        nobody.post("/auth/token/login/", username="alice", password=PASSWORD).code == "invalid_credentials"
    )


def test_too_many_failures_even_with_the_right_password(
    nobody: Caller, alice: User, settings: Settings
) -> None:
    settings.LOGIN_FAILURES_PER_HOUR = 2
    for _ in range(2):
        nobody.post("/auth/token/login/", username="alice", password="wrong")
    answer = nobody.post("/auth/token/login/", username="Alice", password=PASSWORD)
    assert (answer.status, answer.code) == (429, "too_many_logins")
    assert "Retry-After" in answer.headers


@pytest.mark.parametrize("path", ["/auth/token/logout/", "/auth/token/destroy/"])
def test_logging_out_is_of_this_device_only(as_alice: Caller, alice: User, path: str) -> None:
    phone = Caller(alice)
    assert phone.post(path).status == 204
    assert phone.get("/api/me/").status == 401
    assert as_alice.get("/api/me/").status == 200


@pytest.mark.parametrize(
    "header",
    [
        "Token",
        "Token a b",
        "Token ",
        "Token ümlaut",
        "Token " + "0" * 64,
        "Token " + "0" * 60_000,
        "Token \0",
    ],
)
def test_headers_that_are_no_token(nobody: Caller, header: str) -> None:
    answer = nobody.saying({"Authorization": header}).get("/api/me/")
    assert (answer.status, answer.code) == (401, "unauthorized")


def test_a_token_that_has_run_out_says_so(as_alice: Caller, alice: User) -> None:
    Token.objects.update(expiry=alice.date_joined)
    assert as_alice.get("/api/me/").code == "token_expired"


# --- Oneself ----------------------------------------------------------------------------------------------------------


def test_reading_and_changing_ones_profile(as_alice: Caller) -> None:
    assert as_alice.get("/auth/users/me/").body == as_alice.get("/api/me/").body
    assert as_alice.patch("/auth/users/me/", first_name="Alice", last_name="L.").body["first_name"] == "Alice"
    assert as_alice.patch("/auth/users/me/", username="queen").status == 400


def test_a_new_address_needs_the_password(as_alice: Caller, bob: User) -> None:
    refused = as_alice.patch("/auth/users/me/", email="new@example.org")
    assert (refused.status, refused.code) == (400, "invalid_password")
    changed = as_alice.patch("/auth/users/me/", email="new@example.org", current_password=PASSWORD)
    assert changed.body["email"] == "new@example.org"
    assert as_alice.patch("/auth/users/me/", email="nowhere", current_password=PASSWORD).status == 400


def test_changing_ones_name(as_alice: Caller, bob: User, nobody: Caller) -> None:
    path = "/auth/users/set_username/"
    assert as_alice.post(path, new_username="queen", current_password="wrong").code == "invalid_password"
    assert as_alice.post(path, new_username="BOB", current_password=PASSWORD).code == "username_taken"
    assert as_alice.post(path, new_username="a b", current_password=PASSWORD).status == 400
    assert as_alice.post(path, new_username="queen", current_password=PASSWORD).status == 204
    assert log_in(nobody, "queen").get("/api/me/").body["username"] == "queen"


def test_changing_ones_password_signs_the_other_devices_out(
    as_alice: Caller, alice: User, nobody: Caller
) -> None:
    phone = Caller(alice)
    path = "/auth/users/set_password/"
    assert as_alice.post(path, new_password="battery-horse", current_password="wrong").status == 400
    assert as_alice.post(path, new_password="12345678", current_password=PASSWORD).body["fields"].keys() == {
        "new_password"
    }
    assert as_alice.post(path, new_password="battery-horse", current_password=PASSWORD).status == 204
    assert phone.get("/api/me/").status == 401
    assert as_alice.get("/api/me/").status == 200
    assert nobody.post("/auth/token/login/", username="alice", password=PASSWORD).status == 400
    assert log_in(nobody, "alice", "battery-horse").get("/api/me/").status == 200


def test_a_page_that_changes_the_password_stays_signed_in(alice: User) -> None:
    page, other_page = Client(), Client()
    page.force_login(alice)
    other_page.force_login(alice)
    fields = {"new_password": "battery-horse", "current_password": PASSWORD}
    assert page.post("/auth/users/set_password/", fields, content_type="application/json").status_code == 204
    assert page.get("/api/me/").status_code == 200
    assert other_page.get("/api/me/").status_code == 401


def test_guessing_the_password_with_a_stolen_token_is_limited(as_alice: Caller, settings: Settings) -> None:
    settings.LOGIN_FAILURES_PER_HOUR = 3
    answers = [
        as_alice.post("/auth/users/set_password/", new_password="battery-horse", current_password=f"no{n}")
        for n in range(4)
    ]
    assert [answer.status for answer in answers] == [400, 400, 400, 429]


def test_deleting_ones_account(as_alice: Caller, as_bob: Caller, alice: User, nobody: Caller) -> None:
    uri = as_alice.post("/api/threads/", username="bob").body["uri"]
    as_alice.post(f"/api/chats/{uri}/messages/", text="remember me")
    assert as_alice.delete("/auth/users/me/", current_password="wrong").code == "invalid_password"
    assert as_alice.delete("/auth/users/me/").status == 400
    assert as_alice.delete("/auth/users/me/", current_password=PASSWORD).status == 204
    assert as_alice.get("/api/me/").status == 401
    assert nobody.post("/auth/token/login/", username="alice", password=PASSWORD).status == 400

    message = as_bob.get(f"/api/chats/{uri}/messages/").body["messages"][0]
    assert (message["message"], message["user"]["username"], message["user"]["deleted"]) == (
        "remember me",
        "deleted user",
        True,
    )
    assert "alice" not in str(as_bob.get(f"/api/chats/{uri}/events/").body)
    assert as_bob.get(f"/api/chats/{uri}/").body["state"] == "closed"
    assert nobody.post("/auth/users/", username="alice", password=PASSWORD).status == 201


def test_what_djoser_has_and_we_do_not(as_alice: Caller, alice: User) -> None:
    for path in ("activation/", "resend_activation/", "reset_username/", f"{alice.pk}/", "alice/"):
        assert as_alice.post(f"/auth/users/{path}").code == "not_found"
    assert as_alice.get("/auth/users/").code == "method_not_allowed"
    assert as_alice.send("PUT", "/auth/users/me/", body={}).status == 405


# --- A forgotten password -----------------------------------------------------------------------------------------------


@pytest.fixture
def outbox(settings: Settings) -> list[EmailMessage]:
    """Mails, caught where they would leave the house."""
    settings.MAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.EMAIL_BACKEND = "messaging.mail.BackgroundBackend"
    mail.outbox = []
    return mail.outbox


def mailed(outbox: list[EmailMessage]) -> list[EmailMessage]:
    """What has been mailed; mail leaves in order on one thread of its own, so after what comes last all has left."""
    _sender.submit(lambda: None).result(10)
    return list(outbox)


def test_resetting_a_forgotten_password(nobody: Caller, as_alice: Caller, outbox: list[EmailMessage]) -> None:
    for address in ("nowhere@example.org", "Alice@example.org"):
        answer = nobody.post("/auth/users/reset_password/", email=address)
        assert (answer.status, answer.body) == (204, None)
    (sent,) = mailed(outbox)
    assert sent.to == ["alice@example.org"]
    link = re.search(r"http://localhost/password/reset/confirm/([^/]+)/([^/]+)/", str(sent.body))
    assert link is not None

    path = "/auth/users/reset_password_confirm/"
    weak = nobody.post(path, uid=link[1], token=link[2], new_password="12345678")
    assert list(weak.body["fields"]) == ["new_password"]
    assert nobody.post(path, uid=link[1], token=link[2], new_password="battery-horse").status == 204
    assert as_alice.get("/api/me/").status == 401
    assert log_in(nobody, "alice", "battery-horse").get("/api/me/").status == 200
    again = nobody.post(path, uid=link[1], token=link[2], new_password="battery-horse-2")
    assert (again.status, again.code) == (400, "invalid_reset_link")


@pytest.mark.parametrize("uid", ["!", "MQ", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "w7w", "YWJj"])
def test_links_that_lead_nowhere(nobody: Caller, alice: User, uid: str) -> None:
    answer = nobody.post(
        "/auth/users/reset_password_confirm/", uid=uid, token="a-b", new_password="battery-horse"
    )
    assert (answer.status, answer.code) == (400, "invalid_reset_link")


def test_whether_an_address_is_somebodys_is_told_to_its_mailbox_only(
    nobody: Caller, alice: User, outbox: list[EmailMessage]
) -> None:
    confirm_address_of(alice)
    answers = []
    for name, address in (("dora", "alice@example.org"), ("emil", "emil@example.org")):
        signed_up = nobody.post("/auth/users/", username=name, password=PASSWORD, email=address)
        me = log_in(nobody, name, PASSWORD).get("/api/me/")
        changed = log_in(nobody, name, PASSWORD).patch(
            "/auth/users/me/", email=address.title(), current_password=PASSWORD
        )
        by_address = nobody.post("/auth/token/login/", username=address, password=PASSWORD)
        answers.append([signed_up.status, me.body["email"] == address, me.body["email_confirmed"],
                        changed.status, by_address.status])  # fmt: skip
    assert answers == [[201, True, False, 200, 200]] * 2
    assert [sent.to[0] for sent in mailed(outbox)] == ["alice@example.org", "emil@example.org"]


def test_failures_are_kept_by_account_and_by_address(nobody: Caller, alice: User) -> None:
    nobody.post("/auth/token/login/", username="Alice", password="wrong")
    keys = set(LoginFailure.objects.values_list("key", flat=True))
    assert keys == {"pair:alice@127.0.0.1", "account:alice", "address:127.0.0.1"}
    assert sign_up(username="dora", password=PASSWORD).is_active
