"""Puts the verse bot together: what its handlers are for, in the order in which they are asked.

The core loads this module because the setting `BOT_MODULES` names it.
"""

from bots.verses.handlers import linking, location, operators, preferences, reading, shelf
from bots.verses.identity import bot

bot.fallback()(reading.unknown)

__all__ = ["bot", "linking", "location", "operators", "preferences", "reading", "shelf"]
