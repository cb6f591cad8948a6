"""When a verse of the day is due: an hour of the reader's own clocks, also when those are put forward or back."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from messaging.cron import zone_named
from messaging.errors import Invalid

CONTINENTS = (
    "Africa",
    "America",
    "Antarctica",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)


def clock_of(zone: str) -> ZoneInfo:
    """The zone's clock; UTC if nobody knows the zone."""
    try:
        return zone_named(zone or "UTC")
    except Invalid:
        return ZoneInfo("UTC")


def next_due(hour: int, zone: str, *, after: datetime) -> datetime:
    """The first full hour of that name there is later than `after`. Where the clocks skip it, the moment they do; where
    it comes twice, the first.
    """
    clock = clock_of(zone)
    today = after.astimezone(clock).date()
    for days in range(-1, 3):
        # Within the skipped hour the offset of before counts, which is right after it.
        due = datetime.combine(today + timedelta(days=days), time(hour), tzinfo=clock).astimezone(UTC)
        if due > after:
            return due
    raise AssertionError("A day begins within every two days.")


def day_of(moment: datetime, zone: str) -> date:
    """Which date it is there then."""
    return moment.astimezone(clock_of(zone)).date()


@cache
def cities_of(continent: str) -> tuple[str, ...]:
    """The names of the continent's time zones."""
    return tuple(sorted(name for name in available_timezones() if name.startswith(f"{continent}/")))
