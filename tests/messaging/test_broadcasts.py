"""Broadcasts: confirmed once by their author, handed over to each recipient once, whatever stops in between."""

from datetime import timedelta
from itertools import count

import pytest
import time_machine
from django.utils import timezone

from messaging.actions import broadcasts
from messaging.actions.bots import enlist_bots
from messaging.actions.broadcasts import (
    cancel_broadcast,
    confirm_broadcast,
    decline_broadcast,
    draft_broadcast,
    draft_broadcast_to_everybody,
    forget_drafts,
    hand_over_broadcasts,
    pause_broadcast,
    resume_broadcast,
)
from messaging.actions.deliveries import Owed, claim_deliveries, record_refused, record_sent
from messaging.actions.threads import close_thread, open_thread
from messaging.content import Text
from messaging.errors import Conflict, Forbidden, NotFound
from messaging.models import Broadcast, Chat, Contact, Delivery, Message, Recipient, User
from messaging.queries.broadcasts import Progress, cannot_be_written_to, progress_of, skipped_because
from tests.messaging.together import together

pytestmark = pytest.mark.django_db(transaction=True)

HELLO = Text(text="Hello, everybody")
_numbers = count(1)


def people(
    number: int, *, platform: str = "telegram", account: str = "verses", **fields: object
) -> list[Contact]:
    """So many contacts of the bot."""
    made = []
    for _ in range(number):
        chat = Chat.objects.create(kind=Chat.Kind.CONTACT)
        name = f"person-{next(_numbers)}"
        made.append(
            Contact.objects.create(
                **{"platform": platform, "account": account, "external_id": name, "chat": chat} | fields
            )
        )
    return made


def claim(limit: int = 1000) -> list[Owed]:
    return claim_deliveries(
        platform="telegram",
        account="verses",
        limit=limit,
        per_second=1e6,
        chat_interval_s=0.001,
        chat_burst=100,
    )


def send_all() -> int:
    """What the outbox does."""
    owed = claim()
    for each in owed:
        record_sent(each, external_ids=[f"sent-{each.delivery.pk}"])
    return len(owed)


def progress(broadcast: Broadcast) -> Progress:
    return progress_of([broadcast.pk])[broadcast.pk]


def confirmed(olive: User, contacts: list[Contact], users: list[User] | None = None) -> Broadcast:
    draft = draft_broadcast(
        bot="verses",
        content=HELLO,
        author=olive,
        contacts=[contact.pk for contact in contacts],
        users=[user.pk for user in users or []],
    )
    return confirm_broadcast(broadcast=draft.pk, user=olive)


def said_to(contact: Contact) -> list[str]:
    return list(Message.objects.filter(chat=contact.chat).order_by("number").values_list("text", flat=True))


# --- Deciding ---------------------------------------------------------------------------------------------------------


def test_nobody_gets_a_draft(olive: User) -> None:
    (ada,) = people(1)
    draft_broadcast(bot="verses", content=HELLO, author=olive, contacts=[ada.pk])
    assert hand_over_broadcasts() == 0
    assert said_to(ada) == []


def test_everybody_gets_what_was_confirmed(olive: User) -> None:
    everybody = people(5)
    broadcast = confirmed(olive, everybody)
    assert hand_over_broadcasts() == 5
    assert send_all() == 5
    assert hand_over_broadcasts() == 0
    broadcast.refresh_from_db()
    assert broadcast.state == Broadcast.State.DONE
    assert broadcast.finished_at is not None
    assert progress(broadcast) == Progress(total=5, sent=5)
    assert [said_to(contact) for contact in everybody] == [["Hello, everybody"]] * 5
    author = Message.objects.filter(chat=everybody[0].chat).select_related("author").get().author
    assert author == enlist_bots(["verses"])["verses"]


def test_confirming_works_once(olive: User) -> None:
    broadcast = confirmed(olive, people(1))
    for decide in (confirm_broadcast, decline_broadcast):
        with pytest.raises(Conflict) as refused:
            decide(broadcast=broadcast.pk, user=olive)
        assert refused.value.code == "broadcast_running"
    hand_over_broadcasts()
    assert Message.objects.count() == 1


def test_confirming_raced_works_once(olive: User) -> None:
    draft = draft_broadcast(bot="verses", content=HELLO, author=olive, contacts=[people(1)[0].pk])

    def confirm() -> bool:
        return confirm_broadcast(broadcast=draft.pk, user=olive).state == Broadcast.State.RUNNING

    assert together([confirm] * 6).count(True) == 1


def test_only_its_author_decides(olive: User, charlie: User) -> None:
    [ada, ben] = people(1, user=olive) + people(1)
    other = User.objects.create_superuser("root", "", "correct-horse-battery")
    by_user = draft_broadcast(bot="verses", content=HELLO, author=olive, contacts=[ada.pk])
    by_contact = draft_broadcast(bot="verses", content=HELLO, author_contact=ada, contacts=[ben.pk])
    for draft in (by_user, by_contact):
        for whose in ({"user": charlie}, {"user": other}, {"contact": ben}):
            for decide in (confirm_broadcast, decline_broadcast):
                with pytest.raises(Forbidden) as refused:
                    decide(broadcast=draft.pk, **whose)
                assert refused.value.code == "not_the_author"
    assert Broadcast.objects.filter(state="draft").count() == 2
    Contact.objects.filter(pk=ada.pk).update(user=charlie)
    with pytest.raises(Forbidden):  # it is not the operator's any more
        confirm_broadcast(broadcast=by_contact.pk, contact=Contact.objects.get(pk=ada.pk))
    with pytest.raises(NotFound):
        confirm_broadcast(broadcast=0, user=olive)


def test_who_is_no_operator_any_more_confirms_nothing(olive: User) -> None:
    draft = draft_broadcast(bot="verses", content=HELLO, author=olive, contacts=[people(1)[0].pk])
    olive.user_permissions.clear()
    with pytest.raises(Forbidden):
        confirm_broadcast(broadcast=draft.pk, user=User.objects.get(pk=olive.pk))


def test_declining_throws_it_away(olive: User) -> None:
    draft = draft_broadcast(bot="verses", content=HELLO, author=olive, contacts=[people(1)[0].pk])
    decline_broadcast(broadcast=draft.pk, user=olive)
    with pytest.raises(Conflict):
        confirm_broadcast(broadcast=draft.pk, user=olive)
    assert not Recipient.objects.exists()


def test_a_draft_nobody_decides_about_is_forgotten(olive: User) -> None:
    confirmed(olive, people(1))
    draft_broadcast(bot="verses", content=HELLO, author=olive)
    assert forget_drafts() == 0
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        assert forget_drafts() == 1
    assert Broadcast.objects.get().state == Broadcast.State.RUNNING


def test_charlie_decides_nothing(olive: User, charlie: User) -> None:
    (of_charlie,) = people(1, user=charlie)
    for author in ({"author": charlie}, {"author_contact": of_charlie}, {}):
        with pytest.raises(Forbidden) as refused:
            draft_broadcast_to_everybody(bot="verses", content=HELLO, **author)
        assert refused.value.code == "not_an_operator"
    broadcast = confirmed(olive, people(1))
    for decide in (pause_broadcast, resume_broadcast, cancel_broadcast):
        with pytest.raises(Forbidden) as refused:
            decide(operator=charlie, broadcast=broadcast.pk)
        assert refused.value.code == "not_an_operator"


# --- Pausing ----------------------------------------------------------------------------------------------------------


def test_pausing_resuming_and_cancelling(olive: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcasts, "MAX_ON_THE_WAY", 3)
    broadcast = confirmed(olive, people(10))
    assert hand_over_broadcasts() == 3
    assert hand_over_broadcasts() == 0  # so many are with the outbox
    pause_broadcast(operator=olive, broadcast=broadcast.pk)
    assert send_all() == 3
    assert hand_over_broadcasts() == 0
    resume_broadcast(operator=olive, broadcast=broadcast.pk)
    assert hand_over_broadcasts() == 3
    send_all()
    cancel_broadcast(operator=olive, broadcast=broadcast.pk)
    assert hand_over_broadcasts() == 0
    assert Message.objects.count() == 6
    assert progress(broadcast) == Progress(total=10, sent=6, skipped=4)
    assert skipped_because(broadcast.pk) == [("cancelled", "The broadcast was cancelled.", 4)]
    for decide in (pause_broadcast, resume_broadcast, cancel_broadcast):
        with pytest.raises(Conflict) as refused:
            decide(operator=olive, broadcast=broadcast.pk)
        assert refused.value.code == "broadcast_cancelled"


# --- Whom it reaches --------------------------------------------------------------------------------------------------


def test_who_cannot_be_written_to_is_skipped_and_counted(olive: User) -> None:
    now = timezone.now()
    contacts = [
        *people(1, banned_at=now),
        *people(2, unreachable_at=now),
        *people(3, platform="messenger", heard_at=now - timedelta(hours=25)),
        *people(1, platform="messenger"),
        *people(1, platform="messenger", heard_at=now - timedelta(hours=23)),
        *people(1),
    ]
    broadcast = confirmed(olive, contacts)
    assert cannot_be_written_to(broadcast.pk) == 7
    assert hand_over_broadcasts() == 2
    assert progress(broadcast) == Progress(total=9, handed=2, skipped=7)
    assert [(code, number) for code, _, number in skipped_because(broadcast.pk)] == [
        ("window_closed", 4),
        ("unreachable", 2),
        ("banned", 1),
    ]
    assert Message.objects.count() == 2


def test_what_the_platform_refuses_is_counted(olive: User) -> None:
    broadcast = confirmed(olive, people(3))
    hand_over_broadcasts()
    failed, skipped, sent = claim()
    record_refused(failed, code="unreachable", reason="Blocked", unreachable=True)
    record_refused(skipped, code="window", reason="Too late", skipped=True)
    record_sent(sent, external_ids=["1"])
    hand_over_broadcasts()
    assert progress(broadcast) == Progress(total=3, sent=1, skipped=1, failed=1)
    assert set(skipped_because(broadcast.pk)) == {("unreachable", "Blocked", 1), ("window", "Too late", 1)}


def test_tries_that_were_never_recorded_are_counted(olive: User) -> None:
    broadcast = confirmed(olive, people(1))
    hand_over_broadcasts()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        claim()  # and its worker dies
        clock.shift(timedelta(minutes=5))
        assert send_all() == 1
    hand_over_broadcasts()
    assert progress(broadcast) == Progress(total=1, sent=1, lost=1)


def test_users_get_it_in_their_thread_with_the_bot(
    olive: User, alice: User, bob: User, charlie: User
) -> None:
    bot = enlist_bots(["verses"])["verses"]
    thread, _ = open_thread(user=alice, username="verses")
    closed, _ = open_thread(user=bob, username="verses")
    close_thread(user=bob, chat=closed.uri)
    broadcast = confirmed(olive, [], [alice, bob, charlie, bot])
    assert hand_over_broadcasts() == 2
    hand_over_broadcasts()
    assert progress(broadcast) == Progress(total=3, sent=2, skipped=1)
    assert [code for code, _, _ in skipped_because(broadcast.pk)] == ["thread_cooling"]
    assert Message.objects.get(chat=thread).text == "Hello, everybody"
    of_charlie = Contact.objects.select_related("chat").get(platform="web", external_id=str(charlie.pk))
    assert said_to(of_charlie) == ["Hello, everybody"]
    assert not Delivery.objects.exists()


def test_everybody_is_whoever_the_bot_knows_and_each_person_once(
    olive: User, alice: User, settings: object
) -> None:
    settings.BOT_ACCOUNTS = {"telegram/poems": "verses", "messenger/verses": "another"}  # type: ignore[attr-defined]
    enlist_bots(["verses", "another"])
    now = timezone.now()
    here = [*people(2), *people(1, account="poems")]
    people(1, account="another")
    people(1, platform="messenger")
    people(1, banned_at=now)
    open_thread(user=alice, username="verses")
    people(1, user=alice, heard_at=now - timedelta(days=3))
    used_last = people(1, user=alice, heard_at=now)
    people(1, user=alice, heard_at=now + timedelta(hours=1), unreachable_at=now)
    draft = draft_broadcast_to_everybody(bot="verses", content=HELLO, author=olive)
    recipients = Recipient.objects.filter(broadcast=draft)
    assert {row.contact_id for row in recipients} == {row.pk for row in [*here, *used_last]}


# --- Once, whatever happens -------------------------------------------------------------------------------------------


def test_many_workers_hand_it_to_each_once(olive: User) -> None:
    everybody = people(30)
    broadcast = confirmed(olive, everybody)
    together([lambda: hand_over_broadcasts() >= 0] * 4)
    while hand_over_broadcasts():
        pass
    assert progress(broadcast).handed == 30
    assert all(said_to(contact) == ["Hello, everybody"] for contact in everybody)
    assert Delivery.objects.count() == 30


def test_one_who_cannot_be_reached_does_not_keep_it_from_the_others(olive: User) -> None:
    first, second = people(2)
    broadcast = confirmed(olive, [first, second])
    Chat.objects.filter(pk=first.chat_id).update(kind=Chat.Kind.THREAD, state=Chat.State.CLOSED, pair="0:0")
    assert hand_over_broadcasts() == 1
    assert progress(broadcast) == Progress(total=2, handed=1, skipped=1)
    Chat.objects.filter(pk=first.chat_id).update(kind=Chat.Kind.CONTACT, state=Chat.State.ACTIVE, pair="")
