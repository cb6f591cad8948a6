"""What readers set: language, hour, time zone, and whether they want a verse of the day."""

from bots.bot import Answer, Turn
from bots.verses.actions.readers import change_clock, want_daily, want_no_daily
from bots.verses.clock import CONTINENTS, cities_of
from bots.verses.identity import (
    bot,
    clock_face,
    hour_of,
    logged,
    number_in,
    pressed,
    reader_of,
    zone_of,
)
from bots.verses.pieces import button, page_of
from bots.verses.texts import LANGUAGES, words
from messaging.content import Button, Text
from messaging.cron import zone_named
from messaging.errors import Invalid

NO_HOUR = -1


@bot.command("settings")
@pressed("settings")
@logged
def settings(turn: Turn) -> Answer:
    return _settings(turn)


def _settings(turn: Turn, note: str = "") -> Text:
    """As they are now; `note` says what has just been changed."""
    language = str(turn.learned.get("chosen_language", turn.language))
    reader = reader_of(turn)
    wants = reader.due_at is not None
    text = words(
        language,
        "settings",
        language=LANGUAGES.get(language, LANGUAGES["en"]),
        daily=words(language, "on" if wants else "off"),
        hour=clock_face(reader.hour),
        zone=_zone(turn),
    )
    toggle = button(language, "daily_off", "daily:off") if wants else button(language, "daily_on", "daily:on")
    buttons = [
        [button(language, "language", "languages"), button(language, "hour", "hours")],
        [button(language, "zone", "continents"), toggle],
        [button(language, "menu", "menu")],
    ]
    return Text(text=f"{note}\n\n{text}" if note else text, buttons=buttons, replace=True)


def _zone(turn: Turn) -> str:
    return str(turn.learned.get("time_zone", zone_of(turn)))


# --- Language ---------------------------------------------------------------------------------------------------------


@bot.command("language")
@pressed("languages")
@logged
def languages(turn: Turn) -> Answer:
    buttons = [[Button(title=title, press=f"language:{code}")] for code, title in LANGUAGES.items()]
    text = words(turn.language, "choose_language")
    return Text(text=text, buttons=[*buttons, [button(turn.language, "back", "settings")]], replace=True)


@pressed("language:")
@logged
def language(turn: Turn) -> Answer:
    chosen = turn.rest if turn.rest in LANGUAGES else "en"
    turn.learn(language=chosen)
    return _settings(turn, words(chosen, "language_set"))


# --- Hour and zone ----------------------------------------------------------------------------------------------------


@pressed("hours")
@logged
def hours(turn: Turn) -> Answer:
    buttons = [Button(title=clock_face(hour), press=f"hour:{hour}") for hour in range(24)]
    rows = page_of(buttons, 0, a_row=6, there="hours", back="settings", language=turn.language)
    return Text(text=words(turn.language, "choose_hour", zone=zone_of(turn)), buttons=rows, replace=True)


@pressed("hour:")
@logged
def hour(turn: Turn) -> Answer:
    chosen = hour_of(turn.rest, NO_HOUR)
    if chosen == NO_HOUR:
        return hours(turn)
    change_clock(reader=reader_of(turn), zone=zone_of(turn), hour=chosen)
    return _settings(turn)


@bot.command("zone")
@logged
def write_zone(turn: Turn) -> Answer:
    return _set_zone(turn, turn.rest.strip()) if turn.rest.strip() else _continents(turn)


@pressed("continents")
@logged
def continents(turn: Turn) -> Answer:
    return _continents(turn)


def _continents(turn: Turn) -> Text:
    places = [Button(title=name, press=f"zones:{name}:0") for name in CONTINENTS]
    places.append(Button(title="UTC", press="zone:UTC"))
    rows = page_of(places, 0, a_row=3, there="continents", back="settings", language=turn.language)
    return Text(text=words(turn.language, "choose_continent"), buttons=rows, replace=True)


@pressed("zones:")
@logged
def zones(turn: Turn) -> Answer:
    continent, _, page = turn.rest.partition(":")
    if continent not in CONTINENTS:
        return _continents(turn)
    cities = [
        Button(title=name.removeprefix(f"{continent}/").replace("_", " "), press=f"zone:{name}")
        for name in cities_of(continent)
    ]
    there = f"zones:{continent}:"
    rows = page_of(cities, number_in(page), a_row=3, there=there, back="continents", language=turn.language)
    return Text(text=words(turn.language, "choose_zone"), buttons=rows, replace=True)


@pressed("zone:")
@logged
def zone(turn: Turn) -> Answer:
    return _set_zone(turn, turn.rest)


def _set_zone(turn: Turn, name: str) -> Text:
    try:
        name = zone_named(name).key
    except Invalid:
        return Text(
            text=words(turn.language, "unknown_zone", zone=name[:64]),
            buttons=[
                [button(turn.language, "zone", "continents"), button(turn.language, "back", "settings")]
            ],
        )
    turn.learn(time_zone=name)
    change_clock(reader=reader_of(turn), zone=name)
    return _settings(turn)


# --- The verse of the day ---------------------------------------------------------------------------------------------


@bot.command("daily")
@logged
def toggle_daily(turn: Turn) -> Answer:
    return _daily(turn, wanted=reader_of(turn).due_at is None)


@pressed("daily:")
@logged
def daily(turn: Turn) -> Answer:
    return _daily(turn, wanted=turn.rest == "on")


def _daily(turn: Turn, *, wanted: bool) -> Text:
    """The button stands below the verse of the day too, which must not be lost by it: so nothing is replaced."""
    language, reader = turn.language, reader_of(turn)
    if not wanted:
        want_no_daily(reader=reader)
        text, way_back = words(language, "daily_off"), button(language, "daily_on", "daily:on")
    else:
        want_daily(reader=reader, zone=zone_of(turn))
        text = words(language, "daily_on", hour=clock_face(reader.hour), zone=zone_of(turn))
        way_back = button(language, "daily_off", "daily:off")
    return Text(text=text, buttons=[[way_back], [button(language, "settings", "settings")]])
