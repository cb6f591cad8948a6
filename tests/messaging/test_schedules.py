"""Schedules: cron texts checked and said in words, and each run done by one of however many workers."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
import time_machine
from django.utils import timezone

from messaging import chores
from messaging.actions.schedules import (
    LEASE,
    run_due_schedules,
    run_schedule_now,
    save_schedule,
)
from messaging.chores import BROADCAST, ScheduledChore
from messaging.cron import check_cron, in_words, times_of
from messaging.errors import Conflict, Invalid
from messaging.models import Broadcast, Schedule
from tests.messaging.together import together

MONDAY = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> list[datetime]:
    """When the chore `count` ran; there are no schedules yet."""
    Schedule.objects.all().delete()
    ran: list[datetime] = []

    def count() -> int:
        ran.append(timezone.now())
        return 7

    def fail() -> int:
        raise ValueError("out of ink")

    def refuse() -> int:
        raise Conflict("Not today.")

    monkeypatch.setattr(
        chores,
        "_chores",
        {
            name: ScheduledChore(name, run)
            for name, run in (("count", count), ("fail", fail), ("refuse", refuse))
        },
    )
    return ran


def schedule(cron: str = "30 7 * * 1", chore: str = "count", **fields: object) -> Schedule:
    return save_schedule(schedule=Schedule(name=f"{chore} at {cron}", chore=chore, cron=cron, **fields))


# --- Cron texts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cron", "sentence"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("* * * * * *", "five fields"),
        ("60 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day of month"),
        ("* * * 13 *", "month"),
        ("* * * * 8", "day of week"),
        ("every day at eight", "five fields"),
        ("*/0 * * * *", "minute"),
        ("0 0 30 2 *", "day of month"),
        ("0 0 * 2 MON#6", "day of week"),
    ],
)
def test_a_cron_text_that_is_wrong_says_where(cron: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence) as refused:
        check_cron(cron)
    assert refused.value.code == "invalid_cron"


def test_a_cron_text_is_said_in_words() -> None:
    check_cron("30 7 * * 1")
    assert in_words("30 7 * * 1") == "At 07:30 on Monday"
    assert in_words("*/5 * * * *") == "Every fifth minute of every hour"


def test_times_go_by_the_clocks_of_the_zone() -> None:
    winter = datetime(2026, 1, 10, tzinfo=UTC)
    paris = [
        time.astimezone(UTC).hour for time in islice(times_of("0 9 * * *", "Europe/Paris", after=winter), 200)
    ]
    assert (paris[0], paris[-1]) == (8, 7)


def test_the_hour_that_is_missing_and_the_hour_that_comes_twice() -> None:
    """In Berlin clocks go from 2 to 3 on 29 March 2026, and from 3 back to 2 on 25 October."""
    spring = times_of("30 2 * * *", "Europe/Berlin", after=datetime(2026, 3, 28, 12, tzinfo=UTC))
    assert next(spring).astimezone(UTC) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    for looking_at in (datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 0, 15, tzinfo=UTC)):
        autumn = times_of("30 2 * * *", "Europe/Berlin", after=looking_at)
        days = [time.date().day for time in islice(autumn, 2)]
        assert days == [25, 26]
    late = times_of("30 2 * * *", "Europe/Berlin", after=datetime(2026, 10, 25, 1, 15, tzinfo=UTC))
    assert next(late).date().day == 26  # it was done the first time that it was half past two


# --- Doing what is due ------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_it_is_done_when_it_is_due_and_then_not_before_the_next_time(runs: list[datetime]) -> None:
    with time_machine.travel(MONDAY, tick=False) as clock:
        row = schedule()
        assert row.next_at == MONDAY + timedelta(minutes=30)
        assert run_due_schedules() == 0
        clock.move_to(MONDAY + timedelta(minutes=30))
        assert run_due_schedules() == 1
        assert run_due_schedules() == 0
        row.refresh_from_db()
        assert (row.last_outcome, row.leased_until) == ("done: 7", None)
        assert row.next_at == MONDAY + timedelta(days=7, minutes=30)
    assert len(runs) == 1


@pytest.mark.django_db(transaction=True)
def test_what_was_missed_is_done_once(runs: list[datetime]) -> None:
    with time_machine.travel(MONDAY, tick=False) as clock:
        schedule("*/5 * * * *")
        clock.move_to(MONDAY + timedelta(days=3))
        assert run_due_schedules() == 1
        assert run_due_schedules() == 0
    assert len(runs) == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_does_it(runs: list[datetime]) -> None:
    with time_machine.travel(MONDAY, tick=False):
        schedule("*/5 * * * *")
    assert together([lambda: run_due_schedules() == 1] * 8).count(True) == 1
    assert len(runs) == 1


@pytest.mark.django_db(transaction=True)
def test_a_run_whose_worker_died_is_begun_again_after_its_lease(runs: list[datetime]) -> None:
    with time_machine.travel(MONDAY, tick=False) as clock:
        row = schedule()
        clock.move_to(MONDAY + timedelta(minutes=30))
        Schedule.objects.filter(pk=row.pk).update(
            leased_until=timezone.now() + LEASE
        )  # and then it was killed
        assert run_due_schedules() == 0
        clock.shift(LEASE + timedelta(seconds=1))
        assert run_due_schedules() == 1
    assert len(runs) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("chore", "outcome"), [("fail", "out of ink"), ("refuse", "Not today.")])
def test_one_that_fails_says_so_and_comes_again(runs: list[datetime], chore: str, outcome: str) -> None:
    with time_machine.travel(MONDAY, tick=False) as clock:
        broken, fine = schedule(chore=chore), schedule()
        clock.move_to(MONDAY + timedelta(hours=1))
        assert run_due_schedules() == 2
        broken.refresh_from_db()
    assert outcome in broken.last_outcome
    assert broken.next_at == fine.next_at + timedelta(days=7) if fine.next_at else False
    assert len(runs) == 1


@pytest.mark.django_db(transaction=True)
def test_what_is_switched_off_is_not_done(runs: list[datetime]) -> None:
    with time_machine.travel(MONDAY, tick=False) as clock:
        off = schedule()
        off.enabled = False
        assert save_schedule(schedule=off).next_at is None
        clock.move_to(MONDAY + timedelta(days=1))
        assert run_due_schedules() == 0
    assert not runs


@pytest.mark.django_db(transaction=True)
def test_one_that_a_migration_made_is_given_its_time(runs: list[datetime]) -> None:
    with time_machine.travel(MONDAY, tick=False):
        Schedule.objects.create(name="made", chore="count", cron="30 7 * * 1")
        assert run_due_schedules() == 0
        assert Schedule.objects.get(name="made").next_at == MONDAY + timedelta(minutes=30)


@pytest.mark.django_db
def test_a_new_deployment_has_the_weekly_clean_up_and_the_verse_of_the_day() -> None:
    made = {row.name: (row.chore, row.cron, row.zone) for row in Schedule.objects.all()}
    assert made["Weekly clean-up"] == ("clean_up", "30 7 * * 1", "UTC")
    assert made["Verse of the day"] == ("verses.daily", "* * * * *", "UTC")
    for chore, _, _ in made.values():
        assert chores.chore_named(chore) is not None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"cron": "soon"}, "invalid_cron"),
        ({"zone": "Mars/Olympus"}, "invalid_zone"),
        ({"zone": "../../etc/passwd"}, "invalid_zone"),
        ({"zone": ""}, "invalid_zone"),
        ({"chore": "dance"}, "unknown_chore"),
        ({"chore": BROADCAST, "bot": "verses"}, "nothing_to_say"),
        ({"chore": BROADCAST, "text": "Hello"}, "nothing_to_say"),
    ],
)
def test_what_cannot_be_scheduled(runs: list[datetime], fields: dict[str, str], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        schedule(**fields)
    assert refused.value.code == code
    assert not Schedule.objects.filter(chore__in=["count", "dance", BROADCAST]).exists()


@pytest.mark.django_db(transaction=True)
def test_a_chore_that_is_gone_is_said_to_be(runs: list[datetime]) -> None:
    row = Schedule.objects.create(name="old", chore="of yesterday", cron="* * * * *")
    run_schedule_now(schedule=row)
    row.refresh_from_db()
    assert "of yesterday" in row.last_outcome


@pytest.mark.django_db(transaction=True)
def test_a_scheduled_broadcast_is_one_broadcast_a_run(runs: list[datetime]) -> None:
    with time_machine.travel(MONDAY, tick=False) as clock:
        row = schedule(chore=BROADCAST, bot="verses", text="Good morning")
        for day in (1, 8):
            clock.move_to(MONDAY + timedelta(days=day))
            assert run_due_schedules() == 1
            # Killed before it was noted: the same run again.
            Schedule.objects.filter(pk=row.pk).update(
                next_at=MONDAY + timedelta(days=7 * (day > 1), minutes=30)
            )
            assert run_due_schedules() == 1
    assert [broadcast.text for broadcast in Broadcast.objects.all()] == ["Good morning"] * 2
