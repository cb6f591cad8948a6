"""What the worker clears away, and who does it."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.utils import timezone
from pytest_django import Settings

from messaging.actions import retention
from messaging.actions.accounts import create_ticket, create_token, log_in
from messaging.actions.messages import delete_message, post_message
from messaging.actions.retention import claim_chore, prune_credentials, prune_events
from messaging.errors import Conflict, Invalid
from messaging.models import Chat, Event, LoginFailure, Ticket, Token, User
from messaging.queries.chats import readable
from messaging.queries.events import Wanted, events_after, open_streams
from messaging.queries.messages import messages_of
from messaging.queries.positions import epoch
from tests.messaging.together import together

pytestmark = pytest.mark.django_db(transaction=True)


def test_old_events_go_and_messages_stay(alice: User, bob: User, room: str, settings: Settings) -> None:
    now = timezone.now()
    for number in range(3):
        post_message(user=alice, chat=room, text=f"old {number}")
    with time_machine.travel(now + timedelta(days=settings.EVENT_RETENTION_DAYS - 1)):
        assert prune_events() == 0
        post_message(user=alice, chat=room, text="new")
    with time_machine.travel(now + timedelta(days=settings.EVENT_RETENTION_DAYS + 1)):
        assert prune_events() == 5
        assert prune_events() == 0
    chat = Chat.objects.get(uri=room)
    assert (chat.pruned_seq, chat.last_seq) == (5, 6)
    assert len(messages_of(readable(room, bob)).messages) == 4
    with pytest.raises(Conflict) as refused:
        events_after(readable(room, bob), 4)
    assert refused.value.code == "position_pruned"
    assert [seq for seq, _, _ in events_after(readable(room, bob), 5).events] == [6]
    assert open_streams(bob, [Wanted(room, epoch(), 4)])[room].replay is None
    replay = open_streams(bob, [Wanted(room, epoch(), 5)])[room].replay
    assert replay is not None
    assert len(replay) == 1


def test_a_log_that_is_pruned_whole_goes_on_where_it_was(alice: User, room: str) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=99)):
        prune_events()
    assert not Event.objects.exists()
    assert post_message(user=alice, chat=room, text="again").seq == 3
    delete_message(user=alice, chat=room, number=1)


def test_pruning_goes_in_small_steps_while_people_write(
    alice: User, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MAX_PRUNED_AT_ONCE", 3)
    for _ in range(10):
        post_message(user=alice, chat=room, text="old")
    Event.objects.update(at=timezone.now() - timedelta(days=99))
    together([prune_events, prune_events, *[lambda: post_message(user=alice, chat=room, text="new").seq] * 6])
    chat = Chat.objects.get(uri=room)
    assert (chat.pruned_seq, chat.last_seq) == (12, 18)


def test_a_chore_is_claimed_once_in_its_time() -> None:
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        assert claim_chore("prune", 60)
        assert not claim_chore("prune", 60)
        assert claim_chore("another", 60)
        clock.move_to(now + timedelta(seconds=59))
        assert not claim_chore("prune", 60)
        clock.move_to(now + timedelta(seconds=60))
        assert claim_chore("prune", 60)
        assert not claim_chore("prune", 60)


def test_a_chore_raced_is_done_by_one() -> None:
    for delay in (0, 61):
        with time_machine.travel(timezone.now() + timedelta(seconds=delay)):
            claims = together([lambda: claim_chore("prune", 60)] * 8)
        assert claims.count(True) == 1


def test_credentials_that_have_run_out_go(alice: User) -> None:
    old, _ = create_token(user=alice)
    fresh, _ = create_token(user=alice)
    Token.objects.filter(pk=old.pk).update(expiry=timezone.now() - timedelta(seconds=1))
    create_ticket(user=alice, token=fresh, session_key=None)
    with pytest.raises(Invalid):
        log_in(identifier="alice", password="wrong", address="192.0.2.1")
    for days in (-1, 1):
        ends_at = timezone.now() + timedelta(days=days)
        Session.objects.create(session_key=f"ends in {days}", session_data="", expire_date=ends_at)
    assert prune_credentials() == 2
    assert Session.objects.get().session_key == "ends in 1"
    assert list(Token.objects.values_list("pk", flat=True)) == [fresh.pk]
    with time_machine.travel(timezone.now() + timedelta(hours=3)):
        assert prune_credentials() == 1 + 3
    assert not Ticket.objects.exists()
    assert not LoginFailure.objects.exists()
