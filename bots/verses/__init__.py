"""The bot that Parley brings along: a random verse, favourites, and a verse a day at the reader's hour."""

NAME = "verses"
