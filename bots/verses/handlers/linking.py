"""Linking a contact with an account on the web, so that favourites follow the person; and undoing it."""

from django.conf import settings

from bots.bot import WEB, Answer, Turn
from bots.verses.identity import bot, logged
from bots.verses.pieces import menu_buttons
from bots.verses.texts import words
from messaging.actions.contacts import bring_code, code_for_contact, leave_account
from messaging.content import Text


@bot.command("link")
@logged
def link(turn: Turn) -> Answer:
    """With a code from the web: brings it. Else gives one to take there."""
    if turn.rest.strip():
        return bring(turn)
    if turn.platform == WEB:
        return _said(turn, words(turn.language, "link_on_web"))
    url = f"{settings.WEB_URL}/link/{code_for_contact(turn.contact)}/"
    return _said(turn, words(turn.language, "link", url=url))


def bring(turn: Turn) -> Answer:
    """A code that somebody was given on the web, as `/start link_…` or `/link …`."""
    account = bring_code(turn.contact, turn.rest)
    if account is None:
        return _said(turn, words(turn.language, "link_unknown"))
    return _said(turn, words(turn.language, "linked", account=account.username))


@bot.command("unlink")
@logged
def unlink(turn: Turn) -> Answer:
    if turn.platform == WEB:
        return _said(turn, words(turn.language, "link_on_web"))
    if turn.contact.user is None:
        return _said(turn, words(turn.language, "not_linked"))
    leave_account(turn.contact)
    return _said(turn, words(turn.language, "unlinked"))


def _said(turn: Turn, text: str) -> Text:
    return Text(text=text, buttons=menu_buttons(turn.language))
