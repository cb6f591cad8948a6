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
    """Asynchronous, for a geocoder is on the network: what is written waits for the transaction."""
    heard = turn.heard
    if heard.latitude is None or heard.longitude is None:
        return None
    turn.effects += [
        partial(reader_of, turn),
        partial(log_action, contact=turn.contact.pk, name="location"),
    ]
    place = await place_of(heard.latitude, heard.longitude, turn.language)
    turn.learn(location=(heard.latitude, heard.longitude), place=place)
    if place:
        text = words(turn.language, "location_kept_place", place=place)
    else:
        text = words(turn.language, "location_kept")
    return Text(text=text, buttons=menu_buttons(turn.language))
