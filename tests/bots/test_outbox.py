"""What we owe contacts is sent in order, again when it must be, and never to whom it must not."""

import time

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from messaging.actions.answers import send_to_contact
from messaging.actions.bots import enlist_bots
from messaging.content import Text
from messaging.heard import Heard, Kind
from messaging.models import Contact, Delivery, Message, Pace
from tests.bots.conftest import Worker, arrival, happens, transcript
from webhooks import outbox
from webhooks.platforms.base import Limits, Refused, RetryAt

pytestmark = pytest.mark.django_db(transaction=True)


def say(person: str, *texts: str) -> None:
    contact = Contact.objects.get(external_id=person)
    author = enlist_bots(["parrot"])["parrot"]
    for text in texts:
        send_to_contact(contact=contact.pk, author=author, content=Text(text=text))


async def states() -> list[str]:
    return [state async for state in Delivery.objects.order_by("pk").values_list("state", flat=True)]


async def test_a_refused_try_comes_again_and_holds_up_what_follows(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "FIRST_RETRY_S", 0.1)
    worker.paper.answers.extend([RetryAt(0.1, "busy"), RetryAt(None, "silence", is_unknown=True)])
    await worker.take(arrival("ada", "one"), arrival("ada", "two"))
    assert worker.paper.texts("ada") == ["one", "two"]
    tries = [row async for row in Delivery.objects.order_by("pk").values_list("attempts", "lost")]
    assert tries == [(3, 1), (1, 0)], "what may have arrived is counted"


async def test_parts_that_got_through_are_not_sent_again(worker: Worker) -> None:
    worker.paper.answers.append(RetryAt(0.0, "busy", sent=("paper-first-half",)))
    await worker.take(arrival("ada", "one"))
    assert worker.paper.sent["ada"][0].sent_before == ("paper-first-half",)


async def test_when_the_platform_says_wait_no_worker_sends_before(
    worker: Worker, second_worker: Worker
) -> None:
    await worker.take(arrival("ada", "hello"), arrival("ben", "hello"))
    worker.paper.answers.append(RetryAt(0.7, "Too many requests", whole_account=True))
    begun = time.monotonic()
    await sync_to_async(say)("ada", "later")
    await happens(Pace.objects.filter(paused_until__isnull=False).aexists)
    await sync_to_async(say)("ben", "later too")
    for each in (worker, second_worker):
        await each.settled()
    later = [moment - begun for moment in worker.paper.sent_at[2:]]
    assert len(later) == 2
    assert all(0.7 <= moment < 3.0 for moment in later), later
    assert worker.paper.texts("ada")[-1] == "later"
    assert worker.paper.texts("ben")[-1] == "later too"


async def test_who_blocks_the_bot_is_sent_nothing_until_they_return(worker: Worker) -> None:
    await worker.take(arrival("ada", "hello"))
    worker.paper.answers.append(Refused("blocked", "The bot was blocked by the user.", unreachable=True))
    await sync_to_async(say)("ada", "one", "two")
    await worker.settled()
    await sync_to_async(say)("ada", "three")
    # Whether the second was written before the first was refused, or after.
    assert "sent" not in (await states())[1:]
    assert [row.delivery async for row in Message.objects.order_by("pk")][2:] == [
        "failed",
        "skipped",
        "skipped",
    ]
    await worker.take(arrival("ada", Heard(kind=Kind.REACHABLE)), arrival("ada", "I am back"))
    assert worker.paper.texts("ada") == ["hello", "I am back"]
    assert (await Contact.objects.aget()).unreachable_at is None


async def test_watermarks_mark_what_was_sent_before_them(worker: Worker) -> None:
    await worker.take(arrival("ada", "one"), arrival("ada", "two"))
    between = timezone.now()
    between = between.replace(microsecond=between.microsecond // 1000 * 1000)  # as platforms say it
    await worker.take(arrival("ada", "three"))
    await worker.take(arrival("ada", Heard(kind=Kind.DELIVERED, watermark=timezone.now())))
    await worker.take(arrival("ada", Heard(kind=Kind.READ, watermark=between)))
    assert await states() == ["read", "read", "delivered"]
    rows = [row async for row in Delivery.objects.order_by("pk")]
    assert all(row.sent_at and row.delivered_at and row.sent_at <= row.delivered_at for row in rows)
    assert [row.read_at for row in rows] == [between, between, None]
    sent = Message.objects.filter(author__isnull=False).order_by("pk")
    assert [row.delivery async for row in sent] == ["read", "read", "delivered"]


async def test_a_contact_is_sent_no_faster_than_the_platform_allows(worker: Worker) -> None:
    worker.paper.limits = Limits(per_second=1000, chat_interval_s=0.2, chat_burst=2)
    await worker.take(arrival("ada", "hello"))
    begun = time.monotonic()
    await sync_to_async(say)("ada", "1", "2", "3", "4")
    await worker.settled()
    assert worker.paper.texts("ada") == ["hello", "1", "2", "3", "4"]
    assert time.monotonic() - begun >= 2 * 0.2  # two at once, however long ago the greeting was


async def test_an_account_sends_no_faster_than_its_rate(worker: Worker) -> None:
    await worker.take(*[arrival(f"person-{number}", "hello") for number in range(12)])
    worker.paper.limits = Limits(per_second=10, chat_interval_s=0.001, chat_burst=9)
    begun = time.monotonic()
    for number in range(12):
        await sync_to_async(say)(f"person-{number}", "news")
    for number in range(5):
        await sync_to_async(say)(f"person-{number}", "more")
    await worker.settled()
    assert time.monotonic() - begun >= (17 - 10) / 10


async def test_a_lease_that_ends_unrecorded_is_counted(worker: Worker) -> None:
    """As when a worker is killed between the platform's answer and our record."""
    await worker.take(arrival("ada", "hello"))
    await sync_to_async(say)("ada", "again")
    await worker.settled()
    sent = Delivery.objects.order_by("-pk")[:1]
    await Delivery.objects.filter(pk__in=[row.pk async for row in sent]).aupdate(
        state="waiting", leased_until=timezone.now()
    )
    await worker.settled()
    row = await Delivery.objects.alatest("pk")
    assert (row.state, row.attempts, row.lost) == ("sent", 2, 1)
    assert worker.paper.texts("ada") == ["hello", "again", "again"]


async def test_a_key_says_a_thing_once(worker: Worker) -> None:
    await worker.take(arrival("ada", "hello"))

    def twice() -> None:
        contact, author = Contact.objects.get(), enlist_bots(["parrot"])["parrot"]
        for _ in range(2):
            send_to_contact(contact=contact.pk, author=author, content=Text(text="news"), key="verse:today")

    await sync_to_async(twice)()
    await worker.settled()
    assert worker.paper.texts("ada") == ["hello", "news"]


async def test_a_file_made_on_the_spot_is_kept_and_sent(worker: Worker) -> None:
    await worker.take(arrival("ada", "/file"))
    sent = worker.paper.sent["ada"][0].content
    assert (sent.kind, sent.name, sent.content) == ("file", "seeds.csv", "a,b\n1,2\n")  # type: ignore[union-attr]
    assert (await sync_to_async(transcript)("ada"))[1] == ("parrot", "Here")
