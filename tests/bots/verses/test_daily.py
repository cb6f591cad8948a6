"""The verse of the day: at the reader's own hour, in any zone, once for each person and day."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import time_machine
from django.utils import timezone

from bots.verses.actions import daily
from bots.verses.actions.daily import send_daily_verses
from bots.verses.actions.readers import want_daily, want_no_daily
from bots.verses.clock import next_due
from bots.verses.models import DailyVerse, Reader, Verse
from bots.verses.queries import stats
from messaging.actions.threads import close_thread, open_thread
from messaging.models import BotSetting, Chat, Contact, Message, User
from tests.messaging.together import together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("collection")]

MORNING = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
_numbers = count(1)


def reader(zone: str = "UTC", hour: int = 9, **fields: object) -> Reader:
    """Somebody on Telegram who wants a verse a day."""
    chat = Chat.objects.create(kind=Chat.Kind.CONTACT)
    defaults = {"platform": "telegram", "account": "verses", "external_id": f"reader-{next(_numbers)}"}
    contact = Contact.objects.create(**defaults | {"chat": chat, "time_zone": zone} | fields)
    row = Reader.objects.create(contact=contact, hour=hour)
    want_daily(reader=row, zone=zone)
    return row


def verses_of(row: Reader) -> list[str]:
    rows = Message.objects.filter(chat=row.contact.chat).order_by("number")
    return [text.splitlines()[0] for text in rows.values_list("text", flat=True)]


def hours_when_sent(row: Reader, start: datetime, days: int) -> list[str]:
    """When verses came, by UTC, if somebody looks every half an hour."""
    came: list[str] = []
    with time_machine.travel(start, tick=False) as clock:
        for _ in range(48 * days):
            if send_daily_verses():
                came.append(f"{timezone.now():%d %H:%M}")
            clock.shift(timedelta(minutes=30))
    return came


@pytest.fixture
def at_six() -> Callable[..., time_machine.travel]:
    return lambda: time_machine.travel(MORNING, tick=False)


# --- When -------------------------------------------------------------------------------------------------------------


def test_it_comes_at_the_readers_own_hour() -> None:
    with time_machine.travel(MORNING, tick=False):
        rows = [reader("UTC"), reader("Asia/Tokyo"), reader("Asia/Kolkata", 7), reader("nowhere/at all")]
    came = hours_when_sent(rows[0], MORNING, 2)
    # Tokyo's nine is 0:00 UTC, Kolkata's seven is 1:30 UTC; who has no known zone has UTC.
    assert came == ["02 09:00", "03 00:00", "03 01:30", "03 09:00", "04 00:00", "04 01:30"]
    assert [len(verses_of(row)) for row in rows] == [2, 2, 2, 2]
    assert set(verses_of(rows[0])) == {"Verse of the day"}


@pytest.mark.parametrize(
    ("zone", "hour", "start", "expected"),
    [
        # Clocks go from 2 to 3 on the 29th: two o'clock is the moment they do.
        ("Europe/Berlin", 2, datetime(2026, 3, 28, tzinfo=UTC), ["28 01:00", "29 01:00", "30 00:00"]),
        # And from 3 back to 2 on the 25th: the first of the two.
        ("Europe/Berlin", 2, datetime(2026, 10, 23, 12, tzinfo=UTC), ["24 00:00", "25 00:00", "26 01:00"]),
        ("America/New_York", 9, datetime(2026, 3, 7, tzinfo=UTC), ["07 14:00", "08 13:00", "09 13:00"]),
        # Midnight itself is missing in Beirut.
        ("Asia/Beirut", 0, datetime(2026, 3, 27, 12, tzinfo=UTC), ["27 22:00", "28 22:00", "29 21:00"]),
        # Half-hour summer time, and a zone that is almost a day ahead.
        (
            "Australia/Lord_Howe",
            8,
            datetime(2026, 4, 3, 12, tzinfo=UTC),
            ["03 21:00", "04 21:30", "05 21:30"],
        ),
        ("Pacific/Kiritimati", 8, datetime(2026, 4, 1, tzinfo=UTC), ["01 18:00", "02 18:00", "03 18:00"]),
    ],
)
def test_when_clocks_change(zone: str, hour: int, start: datetime, expected: list[str]) -> None:
    with time_machine.travel(start, tick=False):
        row = reader(zone, hour)
    assert hours_when_sent(row, start, 3) == expected
    days = list(DailyVerse.objects.order_by("day").values_list("day", flat=True))
    assert len(set(days)) == 3
    assert days[2] - days[0] == timedelta(days=2)


def test_the_next_hour_is_always_later_and_within_a_day_or_so() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    while moment.year == 2026:
        for zone in ("Africa/Casablanca", "America/Santiago", "Asia/Gaza", "Europe/London"):
            for hour in (0, 2, 23):
                wait = next_due(hour, zone, after=moment) - moment
                assert timedelta(0) < wait <= timedelta(hours=25)
        moment += timedelta(hours=7, minutes=13)


def test_a_reader_who_moves_gets_one_a_day_all_the_same() -> None:
    with time_machine.travel(datetime(2026, 3, 2, 0, 0, tzinfo=UTC), tick=False) as clock:
        row = reader("Asia/Tokyo", 10)
        clock.shift(timedelta(hours=1))
        assert send_daily_verses() == 1
        # Off to California, where the same date's ten o'clock is yet to come.
        Contact.objects.filter(pk=row.contact_id).update(time_zone="America/Los_Angeles")
        row.refresh_from_db()
        want_daily(reader=row, zone="America/Los_Angeles")
        clock.shift(timedelta(hours=18))
        assert send_daily_verses() == 0
        clock.shift(timedelta(hours=24))
        assert send_daily_verses() == 1


def test_operators_set_the_zone_of_those_who_have_none() -> None:
    BotSetting.objects.create(bot="verses", key="zone", value="Asia/Tokyo")
    with time_machine.travel(MORNING, tick=False):
        row = reader("", 9)
        want_daily(reader=row, zone="Asia/Tokyo")
    assert hours_when_sent(row, MORNING, 2) == ["03 00:00", "04 00:00"]


# --- Once -------------------------------------------------------------------------------------------------------------


def test_of_many_workers_one_sends_it() -> None:
    with time_machine.travel(MORNING, tick=False):
        rows = [reader() for _ in range(10)]
    with time_machine.travel(MORNING + timedelta(hours=3), tick=False):
        together([lambda: send_daily_verses() >= 0] * 4)
    assert [len(verses_of(row)) for row in rows] == [1] * 10
    assert DailyVerse.objects.count() == 10


def test_a_person_with_several_contacts_gets_one(alice: User) -> None:
    with time_machine.travel(MORNING, tick=False) as clock:
        rows = [reader(user=alice), reader(user=alice, platform="messenger", heard_at=MORNING)]
        clock.shift(timedelta(hours=3))
        assert send_daily_verses() == 1
        assert sorted(len(verses_of(row)) for row in rows) == [0, 1]


def test_who_links_after_having_had_it_gets_no_second_one(alice: User) -> None:
    with time_machine.travel(MORNING, tick=False) as clock:
        early, late = reader(hour=9), reader(hour=12, user=alice)
        clock.shift(timedelta(hours=3))
        assert send_daily_verses() == 1
        Contact.objects.filter(pk=early.contact_id).update(user=alice)
        clock.shift(timedelta(hours=3))
        assert send_daily_verses() == 0
        assert verses_of(late) == []


def test_who_has_the_row_has_had_it_whatever_else_is_forgotten() -> None:
    """The row and the message are one transaction: with one of them gone wrong, there is neither."""
    with time_machine.travel(MORNING, tick=False) as clock:
        row = reader()
        clock.shift(timedelta(hours=3))
        DailyVerse.objects.create(
            person=f"contact:{row.contact_id}", day=MORNING.date(), contact=reader().contact
        )
        assert send_daily_verses() == 0
        assert verses_of(row) == []
        row.refresh_from_db()
        assert row.due_at == MORNING + timedelta(days=1, hours=3)


# --- Who does not get it ----------------------------------------------------------------------------------------------


def test_who_wants_none_gets_none() -> None:
    with time_machine.travel(MORNING, tick=False) as clock:
        row = reader()
        want_no_daily(reader=row)
        clock.shift(timedelta(days=1))
        assert send_daily_verses() == 0


def test_who_cannot_be_written_to_is_passed_over(alice: User) -> None:
    alice.is_active = False
    alice.save()
    with time_machine.travel(MORNING, tick=False) as clock:
        rows = [
            reader(banned_at=MORNING),
            reader(unreachable_at=MORNING),
            reader(platform="messenger", heard_at=MORNING - timedelta(days=2)),
            reader(user=alice),
        ]
        clock.shift(timedelta(hours=3))
        assert send_daily_verses() == 0
        for row in rows:
            row.refresh_from_db()
            assert row.due_at == MORNING + timedelta(days=1, hours=3)
        assert [row.passed_over for row in rows] == ["banned", "unreachable", "window_closed", "inactive"]
        # Operators are told how many did not get theirs because of Messenger's window.
        assert stats().silent == 1
        clock.shift(timedelta(hours=25))
        assert stats().silent == 0
    assert not Message.objects.exists()


def test_a_thread_that_was_closed_stays_closed(alice: User) -> None:
    thread, _ = open_thread(user=alice, username="verses")
    with time_machine.travel(timezone.now(), tick=False) as clock:
        row = Reader.objects.create(contact=Contact.objects.get(user=alice), hour=9)
        want_daily(reader=row, zone="UTC")
        close_thread(user=alice, chat=thread.uri)
        clock.shift(timedelta(days=1))
        assert send_daily_verses() == 0
    assert not Message.objects.exists()


def test_nobody_is_woken_up_because_the_worker_was_away() -> None:
    with time_machine.travel(MORNING, tick=False) as clock:
        row = reader()
        clock.shift(timedelta(hours=3) + daily.TOO_LATE + timedelta(minutes=1))
        assert send_daily_verses() == 0
        clock.shift(timedelta(hours=12))
        assert send_daily_verses() == 1
    assert len(verses_of(row)) == 1


# --- Which ------------------------------------------------------------------------------------------------------------


def test_it_is_in_the_readers_language_and_another_one_every_day() -> None:
    russian = Verse.objects.get(title="Гроза")
    second = Verse.objects.create(
        author=russian.author, title="Град", language="ru", text="Был.", digest="second"
    )
    with time_machine.travel(MORNING, tick=False) as clock:
        row = reader(chosen_language="ru")
        for day in range(2):
            clock.move_to(MORNING + timedelta(days=day, hours=3))
            assert send_daily_verses() == 1
    assert set(DailyVerse.objects.values_list("verse", flat=True)) == {russian.pk, second.pk}
    assert verses_of(row) == ["Стих дня"] * 2


def test_without_verses_nothing_is_sent() -> None:
    Verse.objects.all().delete()
    with time_machine.travel(MORNING, tick=False) as clock:
        reader()
        clock.shift(timedelta(hours=3))
        assert send_daily_verses() == 0
