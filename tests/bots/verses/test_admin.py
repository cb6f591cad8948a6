"""The verse bot in the admin: the collection is edited there, and everything can be looked at."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from bots.verses.actions.readers import add_favourite, log_action, meet_reader
from bots.verses.models import Author, DailyVerse, Favourite, Verse
from messaging.actions.threads import open_thread
from messaging.models import Contact, User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

MODELS = [model._meta.model_name for model in apps.get_app_config("verses").get_models()]
FORM = {
    "author_name": "Ortiz, Nell",
    "title": "Rust",
    "year": "2020",
    "language": "en",
    "text": "The gate\r\nsings.",
}


@pytest.fixture
def root(collection: dict[str, Verse]) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", "", PASSWORD))
    return client


def page_of(model: str, kind: str, *args: int) -> str:
    return reverse(f"admin:verses_{model}_{kind}", args=args)


def save(client: Client, verse: Verse | None = None, **fields: str) -> Any:
    path = page_of("verse", "add") if verse is None else page_of("verse", "change", verse.pk)
    return client.post(path, FORM | fields, follow=True)


@pytest.mark.parametrize("model", MODELS)
def test_everything_can_be_looked_at(
    root: Client, collection: dict[str, Verse], alice: User, model: str
) -> None:
    open_thread(user=alice, username="verses")
    contact = Contact.objects.get(user=alice)
    meet_reader(contact=contact.pk, hour=9)
    log_action(contact=contact.pk, name="random")
    add_favourite(contact=contact.pk, verse=collection["Dew"].pk)
    DailyVerse.objects.create(person="user:1", day="2026-03-02", contact=contact, verse=collection["Dew"])
    assert root.get(page_of(model, "changelist")).status_code == 200
    row = apps.get_model("verses", model)._default_manager.order_by("pk").first()
    assert root.get(page_of(model, "change", row.pk)).status_code == 200
    if model != "verse":
        assert root.get(page_of(model, "add")).status_code == 403
        assert root.post(page_of(model, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_adding_and_changing_a_verse(root: Client) -> None:
    assert save(root).status_code == 200
    verse = Verse.objects.select_related("author").get(title="Rust")
    assert (verse.text, verse.author.name, verse.author.letter) == ("The gate\nsings.", "Nell Ortiz", "O")
    assert "Nell Ortiz" in root.get(page_of("verse", "change", verse.pk)).content.decode()
    save(root, verse, author_name="Ann Ash", title="Old rust", year="")
    verse = Verse.objects.select_related("author").get(pk=verse.pk)
    assert (verse.title, verse.year, verse.author.name) == ("Old rust", None, "Ann Ash")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"title": " "}, "required"),
        ({"language": "x1"}, "language"),
        ({"year": "9999"}, "no such year"),
        (
            {"author_name": "Ann Ash", "title": "DEW", "text": "gone by nine. still, mine."},
            "in the collection already",
        ),
    ],
)
def test_what_cannot_be_taken_is_said(root: Client, fields: dict[str, str], sentence: str) -> None:
    assert sentence in save(root, None, **fields).content.decode()
    assert Verse.objects.count() == 4


def test_deleting_a_verse_takes_an_author_of_nothing_along(
    root: Client, collection: dict[str, Verse], alice: User
) -> None:
    open_thread(user=alice, username="verses")
    add_favourite(contact=Contact.objects.get(user=alice).pk, verse=collection["Dew"].pk)
    root.post(page_of("verse", "delete", collection["Dew"].pk), {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [collection["Rosée"].pk], "post": "yes"}
    root.post(page_of("verse", "changelist"), chosen)
    assert set(Verse.objects.values_list("title", flat=True)) == {"Rocío", "Гроза"}
    assert set(Author.objects.values_list("name", flat=True)) == {"Pablo Ruiz", "Жанна Жук"}
    assert not Favourite.objects.exists()


def test_staff_who_are_no_operators_change_nothing(collection: dict[str, Verse], alice: User) -> None:
    alice.is_staff = True
    alice.save()
    alice.user_permissions.set(Permission.objects.filter(codename__in=["view_verse", "change_verse"]))
    client = Client()
    client.force_login(alice)
    assert client.get(page_of("verse", "changelist")).status_code == 200
    assert save(client).status_code == 403
    assert client.post(page_of("verse", "delete", collection["Dew"].pk), {"post": "yes"}).status_code == 403
    assert Verse.objects.count() == 4
