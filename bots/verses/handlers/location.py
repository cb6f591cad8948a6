"""Asking where somebody is, and keeping it, in words where a geocoder is set."""

from functools import partial

from bots.bot import Answer, Turn
from bots.verses.actions.readers import log_action
from bots.verses.geocoding import place_of
from bots.verses.identity import bot, logged, reader_of
from bots.verses.pieces import menu_buttons
from bots.verses.texts import words
from messaging.content import LocationRequest, Text


@bot.command("ask_location", "location")
@logged
def ask_location(turn: Turn) -> Answer:
    language = turn.language
    return LocationRequest(text=words(language, "ask_location"), title=words(language, "button_location"))


@bot.location()
async def location(turn: Turn) -> Answer:
    if turn.heard.latitude is None or turn.heard.longitude is None:
        return None
    return await _keep(turn, turn.heard.latitude, turn.heard.longitude)


@bot.text(r"^\s*(-?\d{1,3}(?:\.\d{1,12})?)\s*[,;\s]\s*(-?\d{1,3}(?:\.\d{1,12})?)\s*$")
async def written_location(turn: Turn) -> Answer:
    """Two numbers, where no button sends a location."""
    assert turn.match is not None
    latitude, longitude = float(turn.match[1]), float(turn.match[2])
    if abs(latitude) > 90 or abs(longitude) > 180:
        return Text(text=words(turn.language, "unknown"), buttons=menu_buttons(turn.language))
    return await _keep(turn, latitude, longitude)


async def _keep(turn: Turn, latitude: float, longitude: float) -> Answer:
    """Asynchronous, for a geocoder is on the network: what is written waits for the transaction."""
    turn.effects += [
        partial(reader_of, turn),
        partial(log_action, contact=turn.contact.pk, name="location"),
    ]
    place = await place_of(latitude, longitude, turn.language)
    turn.learn(location=(latitude, longitude), place=place)
    if place:
        text = words(turn.language, "location_kept_place", place=place)
    else:
        text = words(turn.language, "location_kept")
    return Text(text=text, buttons=menu_buttons(turn.language))
