"""A bot's thread without the script: buttons are forms; and the page that links a contact."""

import re

import pytest
from django.test import override_settings

from messaging.actions.answers import send_to_contact
from messaging.actions.bots import enlist_bots
from messaging.actions.contacts import bring_code, code_for_contact
from messaging.actions.inbounds import claim_inbounds
from messaging.actions.journal import store_inbounds
from messaging.content import AnyContent, Button, Card, Cards, File, QuickReplies, QuickReply, Text
from messaging.heard import Arrival, Profile, said
from messaging.models import Contact, Inbound, User
from tests.pages.visitor import Visitor

pytestmark = pytest.mark.django_db(transaction=True)

CONTENTS: list[AnyContent] = [
    Text(text="Choose:", buttons=[[Button(title="Page <1>", press="page:1")]]),
    QuickReplies(text="Which?", replies=[QuickReply(title="This", press="this")]),
    Cards(cards=[Card(title="Seed", buttons=[Button(title="Site", url="https://example.org/")])]),
    File(name="seeds.csv", content="a,b"),
]


@pytest.fixture
def thread(as_alice: Visitor) -> str:
    """The address of alice's thread with the parrot, who has shown her everything."""
    bot = enlist_bots(["parrot"])["parrot"]
    people = as_alice.open("/people/?q=parrot")
    address = as_alice.submit(people.form("Open a thread with parrot")).url
    for content in CONTENTS:
        send_to_contact(contact=Contact.objects.get().pk, author=bot, content=content)
    return address


def test_what_a_bot_offers_is_pressed_without_the_script(as_alice: Visitor, thread: str) -> None:
    page = as_alice.open(thread)
    assert page.link("Site") == "https://example.org/"
    assert page.link("seeds.csv").endswith("/messages/4/document/")
    assert as_alice.submit(page.form("Page <1>"), press="page:1").url == thread
    after = as_alice.submit(page.form("This"), press="this")
    assert after.messages[-1] == "This"
    heard = [row.heard for row in Inbound.objects.order_by("pk")]
    assert [(each["kind"], each["press"], each["about"]) for each in heard if each] == [
        ("button", "page:1", "1"),
        ("quick_reply", "this", "2"),
    ]


def test_a_button_that_is_not_there_cannot_be_pressed(as_alice: Visitor, thread: str) -> None:
    page = as_alice.submit(as_alice.open(thread).form("Page <1>"), press="page:99")
    assert page.status == 404
    assert not Inbound.objects.exists()


def test_charlie_can_press_nothing_there(as_alice: Visitor, as_charlie: Visitor, thread: str) -> None:
    form = as_alice.open(thread).form("Page <1>")
    form.fields["csrfmiddlewaretoken"] = (
        as_charlie.open("/people/").form("Log out").fields["csrfmiddlewaretoken"]
    )
    assert as_charlie.submit(form, press="page:1").status == 404
    assert not Inbound.objects.exists()


def test_a_contact_is_linked_by_the_link_that_the_bot_gave_and_unlinked(
    as_alice: Visitor, alice: User
) -> None:
    arrival = Arrival(
        "paper", "parrot", "1", {}, person="ada", heard=said("hi"), profile=Profile(first_name="Ada")
    )
    store_inbounds([arrival])
    [claimed] = claim_inbounds(limit=1)
    address = f"/link/{code_for_contact(claimed.contact)}/"
    asked = as_alice.open(address)
    assert not Contact.objects.filter(user=alice).exists()
    page = as_alice.submit(asked.form("Yes, that is me"))
    assert (page.url, page.notices) == ("/account/", ["Ada on Paper is you from now on."])
    assert as_alice.submit(asked.form("Yes, that is me")).status == 404
    as_alice.submit(page.form("Undo the link with Ada"))
    assert not Contact.objects.filter(user=alice).exists()


def test_a_code_to_take_to_a_bot_is_shown_once_with_the_links_that_say_it(
    as_alice: Visitor, alice: User
) -> None:
    assert "Link Telegram or Messenger" not in as_alice.open("/account/").html
    links = {
        "telegram/verses": "https://t.me/verses_bot?start=",
        "telegram/unknown": "",
        "messenger/verses": "https://m.me/123?ref=",
    }
    with override_settings(BOT_LINKS=links):
        page = as_alice.submit(as_alice.open("/account/").form("Link Telegram or Messenger"))
    command = re.search(r"/start (link_[\w-]+)", page.html)
    assert command is not None
    assert page.link("verses on Telegram") == f"https://t.me/verses_bot?start={command[1]}"
    assert page.link("verses on Messenger") == f"https://m.me/123?ref={command[1]}"
    assert "unknown on" not in page.html
    store_inbounds([Arrival("paper", "parrot", "1", {}, person="ada", heard=said("hi"))])
    [claimed] = claim_inbounds(limit=1)
    assert bring_code(claimed.contact, command[1]) == alice
    assert bring_code(claimed.contact, command[1]) is None
