"""Threads by the rules of their kind."""

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import pairwise

import pytest
import time_machine
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import Settings

from messaging.actions.accounts import sign_up
from messaging.actions.messages import post_message
from messaging.actions.threads import close_thread, open_thread
from messaging.checks import check_exclusive_threads
from messaging.errors import Conflict, Invalid, NotFound, ParleyError
from messaging.models import Chat, Event, Member, ThreadSlot, User
from messaging.queries.chats import readable
from messaging.queries.messages import messages_of
from messaging.queries.users import active_thread_uri
from tests.conftest import PASSWORD
from tests.messaging.together import together

pytestmark = pytest.mark.django_db(transaction=True)

CODES = {"thread_active", "person_busy", "thread_cooling", "thread_closed"}


@pytest.mark.parametrize("seed", [1, 2])
def test_fifty_requests_race_and_nobody_is_ever_in_two(settings: Settings, seed: int) -> None:
    settings.THREAD_REOPEN_AFTER_S = 0
    people = [sign_up(username=f"person{number}", password=PASSWORD) for number in range(6)]
    dice = random.Random(seed)

    def live(user: User, other: User) -> str:
        chat, _ = open_thread(user=user, username=other.username)
        post_message(user=user, chat=chat.uri, text="hello")
        close_thread(user=user, chat=chat.uri)
        return chat.uri

    def close_somebody_s(user: User) -> str:
        uri = active_thread_uri(user)
        if uri is None:
            raise NotFound("In none.")
        return close_thread(user=user, chat=uri).uri

    calls: list[Callable[[], str]] = [partial(live, *dice.sample(people, 2)) for _ in range(40)]
    calls += [partial(close_somebody_s, dice.choice(people)) for _ in range(10)]
    dice.shuffle(calls)
    outcomes = together(calls, threads=10)

    refusals = [outcome for outcome in outcomes if isinstance(outcome, ParleyError)]
    assert {refusal.code for refusal in refusals} <= CODES | {"not_found"}
    assert any(isinstance(outcome, str) for outcome in outcomes)

    threads: dict[int, list[Chat]] = defaultdict(list)
    for member in (
        Member.objects.filter(chat__kind="thread").select_related("chat").order_by("chat__created_at")
    ):
        threads[member.user_id].append(member.chat)
    for chats in threads.values():
        for earlier, later in pairwise(chats):
            assert earlier.closed_at is not None
            assert earlier.closed_at <= later.created_at
    for chat in Chat.objects.filter(kind="thread", state="closed"):
        assert Event.objects.get(chat=chat, seq=chat.last_seq).type == "chat.closed"
    active = set(Chat.objects.filter(kind="thread", state="active").values_list("pk", flat=True))
    assert set(ThreadSlot.objects.values_list("chat_id", flat=True)) == active


def test_the_two_of_a_pair_opening_at_once_get_one_thread(alice: User, bob: User) -> None:
    outcomes = together(
        [
            lambda: open_thread(user=alice, username="bob"),
            lambda: open_thread(user=bob, username="alice"),
        ]
        * 4
    )
    made = [outcome for outcome in outcomes if not isinstance(outcome, ParleyError)]
    assert len(made) == 8
    assert len({chat.uri for chat, _ in made}) == 1
    assert sum(is_new for _, is_new in made) == 1


def test_a_message_and_a_close_race(alice: User, bob: User, thread: Chat) -> None:
    calls = [lambda: post_message(user=alice, chat=thread.uri, text="still here")] * 12
    outcomes = together([*calls, lambda: close_thread(user=bob, chat=thread.uri), *calls], threads=6)
    posted = [outcome for outcome in outcomes if not isinstance(outcome, ParleyError)]
    chat = Chat.objects.get(pk=thread.pk)
    assert Event.objects.get(chat=chat, seq=chat.last_seq).type == "chat.closed"
    assert chat.message_count == len(posted) - 1
    assert {outcome.code for outcome in outcomes if isinstance(outcome, ParleyError)} <= {"thread_closed"}


def test_the_database_itself_keeps_a_person_in_one(alice: User, bob: User, thread: Chat) -> None:
    other = Chat.objects.create(kind="thread", pair="0:0")
    with pytest.raises(IntegrityError), transaction.atomic():
        ThreadSlot.objects.create(user=alice, chat=other)
    with pytest.raises(IntegrityError), transaction.atomic():
        Chat.objects.create(kind="thread", pair=thread.pair)
    other.delete()


def test_with_bots_one_has_as_many_as_one_likes(alice: User, bob: User, thread: Chat) -> None:
    for name in ("verses", "weather"):
        sign_up(username=name, password=PASSWORD, is_bot=True)
        assert open_thread(user=alice, username=name)[1]
    assert active_thread_uri(alice) == thread.uri


def test_where_threads_are_not_exclusive_no_slot_is_taken(
    alice: User, bob: User, charlie: User, settings: Settings
) -> None:
    settings.EXCLUSIVE_THREADS = False
    open_thread(user=alice, username="bob")
    open_thread(user=alice, username="charlie")
    assert not ThreadSlot.objects.exists()
    assert check_exclusive_threads(None) == []


def test_switching_exclusive_threads_on_names_who_is_in_several(
    alice: User, bob: User, charlie: User, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.EXCLUSIVE_THREADS = False
    first, _ = open_thread(user=alice, username="bob")
    second, _ = open_thread(user=alice, username="charlie")
    settings.EXCLUSIVE_THREADS = True
    call_command("check")
    assert "alice is in 2 active threads" in capsys.readouterr().err
    # Meanwhile nobody gets into another one, and closing leads out of it.
    with pytest.raises(Conflict) as refused:
        open_thread(user=bob, username="charlie")
    assert refused.value.code in ("thread_active", "person_busy")
    for chat in (first, second):
        close_thread(user=alice, chat=chat.uri)
    assert check_exclusive_threads(None) == []
    assert open_thread(user=bob, username="charlie")[1]


def test_who_was_closed_on_waits_and_the_closer_does_not(alice: User, bob: User, settings: Settings) -> None:
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        thread, _ = open_thread(user=alice, username="bob")
        close_thread(user=bob, chat=thread.uri)
        with pytest.raises(Conflict) as refused:
            open_thread(user=alice, username="bob")
        assert (refused.value.code, refused.value.facts) == ("thread_cooling", {"retry_after_s": 601})
        clock.move_to(now + timedelta(seconds=settings.THREAD_REOPEN_AFTER_S - 1))
        with pytest.raises(Conflict):
            open_thread(user=alice, username="bob")
        clock.move_to(now + timedelta(seconds=settings.THREAD_REOPEN_AFTER_S))
        again, is_new = open_thread(user=alice, username="bob")
        assert is_new
        close_thread(user=alice, chat=again.uri)
        assert open_thread(user=alice, username="bob")[1]


def test_waiting_for_one_person_is_not_waiting_for_another(alice: User, bob: User, charlie: User) -> None:
    thread, _ = open_thread(user=alice, username="bob")
    close_thread(user=bob, chat=thread.uri)
    assert open_thread(user=alice, username="charlie")[1]


def test_the_archive_is_read_by_both_and_by_nobody_else(
    alice: User, bob: User, charlie: User, olive: User, thread: Chat
) -> None:
    post_message(user=alice, chat=thread.uri, text="between us")
    close_thread(user=bob, chat=thread.uri)
    for user in (alice, bob):
        assert [each.text for each in messages_of(readable(thread.uri, user)).messages] == ["between us"]
    for stranger in (charlie, olive, None):
        with pytest.raises(NotFound):
            readable(thread.uri, stranger)


def test_charlie_cannot_close_it(charlie: User, thread: Chat) -> None:
    with pytest.raises(NotFound):
        close_thread(user=charlie, chat=thread.uri)
    assert Chat.objects.get(pk=thread.pk).state == Chat.State.ACTIVE


def test_with_whom_there_is_no_thread(alice: User) -> None:
    with pytest.raises(Invalid):
        open_thread(user=alice, username="ALICE")
    with pytest.raises(NotFound):
        open_thread(user=alice, username="nobody-here")
