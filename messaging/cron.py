"""Cron texts: whether one is right, what it says in words, and when it is next."""

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from messaging.errors import Invalid

FIELDS = 5


def zone_named(name: str) -> ZoneInfo:
    """Raises `Invalid` (`invalid_zone`) for a name that no time zone has."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a folder's name is an OSError
        raise Invalid(
            f"There is no time zone “{name[:64]}”: write “UTC”, or a continent and a city, as in “Europe/Paris”.",
            code="invalid_zone",
            fields={"zone": ["There is no such time zone."]},
        ) from None


def check_cron(cron: str) -> None:
    """Raises `Invalid` (`invalid_cron`) with a sentence that says which field is wrong."""
    if len(cron.split()) != FIELDS:
        raise _wrong("It has five fields: minute, hour, day of month, month, day of week.")
    try:
        next(CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        field = str(error).removeprefix("Bad ").replace("-", " ")
        raise _wrong(f"The {field} is wrong.") from None
    except StopIteration:
        raise _wrong("There is no such day: it would never happen.") from None


def _wrong(sentence: str) -> Invalid:
    return Invalid(sentence, code="invalid_cron", fields={"cron": [sentence]})


def in_words(cron: str) -> str:
    """What a cron text that has been checked says."""
    return CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC)).explain()


def times_of(cron: str, zone: str, *, after: datetime) -> Iterator[datetime]:
    """When it is, later than `after`, by the clocks of that zone; as Debian's cron has it when they are put forward or back:
    what falls into the hour that is missing happens right after it, what falls into the one that comes twice happens once.
    """
    for time in CronSim(cron, after.astimezone(zone_named(zone))):
        # Within the hour that comes twice, the time it is looking from may be the second one.
        if time.astimezone(UTC) > after:
            yield time


def next_time(cron: str, zone: str, *, after: datetime) -> datetime | None:
    time = next(times_of(cron, zone, after=after), None)
    return None if time is None else time.astimezone(UTC)
