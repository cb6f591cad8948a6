"""A bot for the tests: it repeats, counts, replaces, waits and breaks."""

import asyncio

from django.conf import settings

from bots.bot import Bot, Turn
from messaging.actions.contacts import bring_code, code_for_contact
from messaging.content import AnyContent, Button, Card, Cards, File, QuickReplies, QuickReply, Text
from messaging.models import BotSetting

bot = Bot("parrot", description="Repeats what it is told.", commands={"en": {"start": "Begin"}})


@bot.command("start")
def start(turn: Turn) -> list[AnyContent]:
    if turn.rest.startswith("link_"):
        return [Text(text="Linked" if bring_code(turn.contact, turn.rest) else "Unknown")]
    hello = "Hello, stranger!" if turn.is_new else "Hello again!"
    return [Text(text=hello), Text(text="Choose:", buttons=[[Button(title="Page 1", press="page:1")]])]


@bot.command("link")
def link(turn: Turn) -> Text:
    return Text(text=f"{settings.WEB_URL}/link/{code_for_contact(turn.contact)}/")


@bot.command("unlink")
def unlink(turn: Turn) -> Text:
    turn.contact.user = None
    return Text(text="Unlinked")


@bot.command("break")
def break_down(turn: Turn) -> None:
    """Breaks after having written something, which must not stay."""
    BotSetting.objects.create(bot="parrot", key=f"left behind by {turn.contact.pk}", value="x")
    raise ValueError("the cage is open")


@bot.command("slowly")
async def slowly(turn: Turn) -> Text:
    await asyncio.sleep(float(turn.rest or 0))
    turn.state["slow"] = turn.state.get("slow", 0) + 1
    turn.learn(language="fr")
    return Text(text=f"Slowly {turn.state['slow']}")


@bot.command("choose")
def choose(turn: Turn) -> QuickReplies:
    return QuickReplies(text="Which?", replies=[QuickReply(title="This", press="choice:this")])


@bot.command("file")
def make_file(turn: Turn) -> File:
    return File(name="seeds.csv", content="a,b\n1,2\n", text="Here")


@bot.command("cards")
def show_cards(turn: Turn) -> Cards:
    card = Card(title="Seed", subtitle="small", buttons=[Button(title="Eat", press="eat:1")])
    return Cards(cards=[card])


@bot.button("page:")
def page(turn: Turn) -> Text:
    number = int(turn.rest)
    return Text(
        text=f"Page {number}",
        buttons=[[Button(title="Next", press=f"page:{number + 1}")]],
        replace=True,
    )


@bot.quick_reply("choice:")
def chosen(turn: Turn) -> Text:
    return Text(text=f"You chose {turn.rest}")


@bot.text(r"^count$")
def count(turn: Turn) -> Text:
    turn.state["count"] = turn.state.get("count", 0) + 1
    return Text(text=str(turn.state["count"]))


@bot.text()
def repeat(turn: Turn) -> Text:
    return Text(text=turn.heard.text)


@bot.fallback()
def anything(turn: Turn) -> Text:
    return Text(text=f"I see: {turn.heard.kind.value}")
