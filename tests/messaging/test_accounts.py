"""Accounts: what nobody else may take, what ends with them, and what stays."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from messaging.actions.accounts import (
    change_password,
    change_profile,
    change_rights,
    create_ticket,
    create_token,
    delete_account,
    log_in,
    redeem_ticket,
    sign_up,
    suspend_user,
)
from messaging.actions.chats import add_member
from messaging.actions.devices import revoke_device
from messaging.actions.messages import post_message
from messaging.actions.threads import open_thread
from messaging.errors import (
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    ParleyError,
    TooMany,
    Unauthorized,
)
from messaging.models import Chat, LoginFailure, Member, Message, ThreadSlot, Token, User
from messaging.queries.chats import readable
from messaging.queries.credentials import (
    credential_of_session,
    credential_of_token,
    credentials_of_tokens,
    holder_of,
)
from messaging.queries.events import events_after
from messaging.queries.messages import messages_of
from tests.conftest import PASSWORD
from tests.messaging.soundness import everything_stored
from tests.messaging.together import together

pytestmark = pytest.mark.django_db(transaction=True)


# --- Deleting ---------------------------------------------------------------------------------------------------------


def test_deleting_an_account_keeps_what_was_said_and_forgets_who(alice: User, bob: User, room: str) -> None:
    thread, _ = open_thread(user=alice, username="bob")
    post_message(user=alice, chat=room, text="remember me")
    post_message(user=alice, chat=thread.uri, text="and me")
    create_token(user=alice, name="phone")
    delete_account(user=alice)

    message = messages_of(readable(room, bob)).messages[0]
    assert (message.text, message.author.username, message.author.deleted) == (
        "remember me",
        "deleted user",
        True,
    )
    assert Message.objects.get(chat__uri=room).author_id == alice.pk
    told = b"".join(event for _, _, event in events_after(readable(room, bob), 0).events)
    assert b"alice" not in told
    assert b"deleted user" in told
    row = User.objects.get(pk=alice.pk)
    assert not row.is_active
    assert not row.has_usable_password()
    assert row.email == row.first_name == row.last_name == ""
    assert not Token.objects.filter(user=alice).exists()


def test_nothing_of_the_name_or_address_is_left_in_any_table(alice: User, bob: User, room: str) -> None:
    post_message(user=alice, chat=room, text="remember me")
    change_profile(user=alice, first_name="Alicia")
    delete_account(user=alice)
    for table, rows in everything_stored().items():
        assert "alice" not in rows.casefold(), table
        assert "alicia" not in rows.casefold(), table


def test_deleting_leaves_rooms_to_an_heir_and_frees_the_other_of_the_thread(
    alice: User, bob: User, charlie: User, room: str
) -> None:
    thread, _ = open_thread(user=alice, username="bob")
    add_member(user=charlie, chat=room)
    delete_account(user=alice)
    assert readable(room, bob).manages
    assert Chat.objects.get(pk=thread.pk).state == Chat.State.CLOSED
    assert not ThreadSlot.objects.exists()
    assert open_thread(user=bob, username="charlie")[1]


def test_the_name_and_the_address_are_free_again(alice: User) -> None:
    delete_account(user=alice)
    again = sign_up(username="alice", password=PASSWORD, email="alice@example.org")
    assert again.email == "alice@example.org"
    assert again.pk != alice.pk


@pytest.mark.parametrize("to", ["room", "thread"])
def test_nobody_brings_in_somebody_who_is_gone_meanwhile(
    alice: User, charlie: User, room: str, to: str
) -> None:
    """Charlie was there when they were looked up, and is gone when they would come in."""
    bring_in: Callable[[], Any] = partial(add_member, user=alice, chat=room, username="charlie")
    if to == "thread":
        bring_in = partial(open_thread, user=alice, username="charlie")
    queries = 0

    def happen_after_the_first(execute: Callable[..., Any], *query: Any) -> Any:
        nonlocal queries
        queries += 1
        found = execute(*query)
        if queries == 1:
            delete_account(user=charlie)
        return found

    with pytest.raises(NotFound) as refused, connection.execute_wrapper(happen_after_the_first):
        bring_in()
    assert refused.value.code == "no_such_person"
    assert not Member.objects.filter(user=charlie).exclude(chat__uri="feed").exists()
    assert not ThreadSlot.objects.exists()


def test_deleting_twice(alice: User) -> None:
    delete_account(user=alice)
    delete_account(user=alice)
    assert User.objects.get(pk=alice.pk).deleted_at is not None


# --- Names and addresses ----------------------------------------------------------------------------------------------


def test_a_name_raced_goes_to_one() -> None:
    outcomes = together([lambda: sign_up(username="dora", password=PASSWORD)] * 8)
    refused = [outcome for outcome in outcomes if isinstance(outcome, ParleyError)]
    assert len(refused) == 7
    assert {refusal.code for refusal in refused} == {"username_taken"}
    assert User.objects.count() == 1


def test_a_name_raced_by_people_who_have_another(alice: User, bob: User) -> None:
    outcomes = together([partial(change_profile, user=user, username="queen") for user in (alice, bob)])
    assert sum(isinstance(outcome, User) for outcome in outcomes) == 1
    assert {outcome.code for outcome in outcomes if isinstance(outcome, ParleyError)} <= {"username_taken"}


def test_names_are_compared_in_their_normal_form(alice: User, bob: User) -> None:
    with pytest.raises(Invalid):
        sign_up(username="ａｌｉｃｅ", password=PASSWORD)  # noqa: RUF001 - full-width letters
    with pytest.raises(Invalid):
        change_profile(user=bob, username="ＡＬＩＣＥ")  # noqa: RUF001


def test_a_failed_change_changes_nothing(alice: User, bob: User) -> None:
    with pytest.raises(Invalid):
        change_profile(user=bob, first_name="Robert", email="nowhere")
    assert User.objects.get(pk=bob.pk).first_name == ""


# --- Credentials ------------------------------------------------------------------------------------------------------


def test_what_ends_live_connections(alice: User, olive: User) -> None:
    """Each of these raises the version that hubs compare, and the credential no longer holds."""

    def credentials() -> tuple[str, Token]:
        row, secret = create_token(user=alice)
        return secret, row

    secret, row = credentials()
    credential = credential_of_token(secret)
    assert holder_of(credential)
    version = User.objects.get(pk=alice.pk).access_version
    revoke_device(user=alice, device_id=row.id)
    assert not holder_of(credential)
    assert User.objects.get(pk=alice.pk).access_version > version

    credential = credential_of_token(credentials()[0])
    change_password(user=alice, password="battery-horse")
    assert not holder_of(credential)

    kept_secret, kept = credentials()
    change_password(user=alice, password="horse-battery", keep=kept)
    assert holder_of(credential_of_token(kept_secret))

    credential = credential_of_token(kept_secret)
    suspend_user(operator=olive, user=alice)
    assert not holder_of(credential)
    with pytest.raises(Unauthorized):
        credential_of_token(kept_secret)


def test_lost_rights_are_told_to_hubs(olive: User) -> None:
    version = olive.access_version
    change_rights(user=olive, is_staff=False, is_superuser=False, groups=[], permissions=[])
    row = User.objects.get(pk=olive.pk)
    assert row.access_version > version
    assert not row.is_operator


def test_charlie_cannot_suspend(alice: User, charlie: User) -> None:
    with pytest.raises(Forbidden):
        suspend_user(operator=charlie, user=alice)
    assert User.objects.get(pk=alice.pk).is_active


@pytest.mark.parametrize("token", ["", "x", "0" * 64, "ü" * 64, "\0", "0" * 100_000, "a b"])
def test_what_is_no_token(alice: User, token: str) -> None:
    with pytest.raises(Unauthorized):
        credential_of_token(token)


def test_many_tokens_are_looked_up_like_one(alice: User, bob: User) -> None:
    secrets = [create_token(user=user)[1] for user in (alice, bob)]
    User.objects.filter(pk=bob.pk).update(is_active=False)
    found = credentials_of_tokens([*secrets, "", "unknown"])
    assert found[secrets[0]] == credential_of_token(secrets[0])
    assert [type(found[token]) for token in (secrets[1], "", "unknown")] == [Unauthorized] * 3


def test_a_ticket_raced_opens_once(alice: User) -> None:
    row, _ = create_token(user=alice)
    ticket = create_ticket(user=alice, token=row, session_key=None)
    outcomes = together([lambda: redeem_ticket(ticket=ticket)] * 8)
    assert sum(isinstance(outcome, Expired) for outcome in outcomes) == 7


def test_a_ticket_holds_no_longer_than_what_it_was_got_with(alice: User) -> None:
    row, _ = create_token(user=alice)
    credential = redeem_ticket(ticket=create_ticket(user=alice, token=row, session_key=None))
    assert holder_of(credential)
    revoke_device(user=alice, device_id=row.id)
    assert not holder_of(credential)


def test_a_ticket_of_what_was_revoked_meanwhile_opens_nothing(alice: User) -> None:
    row, _ = create_token(user=alice)
    ticket = create_ticket(user=alice, token=row, session_key=None)
    revoke_device(user=alice, device_id=row.id)
    page = Client()
    page.force_login(alice)
    ticket_of_page = create_ticket(user=alice, token=None, session_key=page.session.session_key)
    page.logout()
    for each in (ticket, ticket_of_page):
        with pytest.raises(Unauthorized) as refused:
            redeem_ticket(ticket=each)
        assert not isinstance(refused.value, Expired)  # a fresh one would not do either


def test_a_connection_opened_with_a_ticket_ends_with_the_token(alice: User) -> None:
    row, _ = create_token(user=alice)
    row.expiry = timezone.now() + timedelta(minutes=5)
    row.save()
    credential = redeem_ticket(ticket=create_ticket(user=alice, token=row, session_key=None))
    assert credential.expires_at == row.expiry


def test_a_page_s_session_ends_when_its_row_says_so(alice: User) -> None:
    page = Client()
    page.force_login(alice)
    key = str(page.session.session_key)
    ends_at = timezone.now() + timedelta(minutes=5)
    Session.objects.filter(pk=key).update(expire_date=ends_at)
    credential = credential_of_session(key)
    assert credential is not None
    assert (credential.user, credential.expires_at) == (alice, ends_at)
    Session.objects.filter(pk=key).update(expire_date=timezone.now())
    assert credential_of_session(key) is None
    assert credential_of_session("unknown") is None


def test_looking_at_a_page_s_session_leaves_it_as_it_is(alice: User, settings: Settings) -> None:
    """Also while the secret key is rotated, when Django's own look at it would give it a new key."""
    page = Client()
    page.force_login(alice)
    key = str(page.session.session_key)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new one"
    assert credential_of_session(key)
    assert Session.objects.filter(pk=key).exists()
    change_password(user=alice, password="battery-horse")
    assert credential_of_session(key) is None
    assert Session.objects.filter(pk=key).exists()


def test_failures_of_one_address_do_not_lock_the_person_out_elsewhere(
    alice: User, settings: Settings
) -> None:
    settings.LOGIN_FAILURES_PER_HOUR = 2
    for _ in range(2):
        with pytest.raises(Invalid):
            log_in(identifier="alice", password="wrong", address="192.0.2.1")
    with pytest.raises(TooMany):
        log_in(identifier="alice", password=PASSWORD, address="192.0.2.1")
    assert log_in(identifier="alice", password=PASSWORD, address="192.0.2.2") == alice
    LoginFailure.objects.all().delete()
    assert log_in(identifier="alice", password=PASSWORD, address="192.0.2.1") == alice
