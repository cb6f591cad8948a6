"""The admin: everything can be looked at, and what is done there is done by actions."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from messaging.actions.accounts import create_ticket, create_token, delete_account
from messaging.actions.bots import enlist_bots, save_state
from messaging.actions.broadcasts import draft_broadcast
from messaging.actions.chats import add_member, leave_room
from messaging.actions.contacts import create_link_code
from messaging.actions.deliveries import pause_account
from messaging.actions.devices import begin_page_session
from messaging.actions.inbounds import claim_inbounds, handle_inbound, park_inbound
from messaging.actions.incoming import create_incoming
from messaging.actions.invitations import invite
from messaging.actions.journal import store_inbounds
from messaging.actions.messages import post_message
from messaging.actions.retention import claim_chore
from messaging.actions.terms import accept_terms, publish_terms
from messaging.content import File, Text
from messaging.heard import Arrival, said
from messaging.models import (
    BotSetting,
    Chat,
    Contact,
    Delivery,
    Event,
    Inbound,
    LoginFailure,
    Message,
    Token,
    User,
)
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

MODELS = [model._meta.model_name for model in apps.get_app_config("messaging").get_models()]
EDITED = {"user", "botsetting", "schedule"}
ADDED = {"invitation", "termstext"}
"""And never edited."""


@pytest.fixture
def root(db: None) -> Client:
    """The admin as a superuser sees it."""
    client = Client()
    client.force_login(User.objects.create_superuser("root", "", PASSWORD))
    return client


def staff(*permissions: str) -> Client:
    """The admin as somebody on the staff with these permissions sees it."""
    user = User.objects.create_user("sam", "", PASSWORD, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def do(client: Client, model: str, action: str, *rows: Any, confirmed: bool = False) -> Any:
    fields: dict[str, Any] = {"action": action, "_selected_action": [row.pk for row in rows]}
    if confirmed:
        fields["confirmed"] = "yes"
    return client.post(reverse(f"admin:messaging_{model}_changelist"), fields)


def change(client: Client, user: User, **fields: Any) -> Any:
    sent = {
        "username": user.username,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
    }
    if user.is_staff:
        sent["is_staff"] = "on"
    return client.post(reverse("admin:messaging_user_change", args=[user.pk]), sent | fields)


@pytest.fixture
def _something_in_every_table(alice: User, bob: User, room: str, thread: Chat) -> None:
    post_message(user=alice, chat=room, text="<script>hello</script>")
    leave_room(user=bob, chat=room)
    token, _ = create_token(user=alice, name="phone")
    create_ticket(user=alice, token=token, session_key=None)
    LoginFailure.objects.create(key="account:alice")
    claim_chore("prune", 60)
    begin_page_session(user=alice, session_key="a" * 32, agent="<script>hello</script>")
    invite(operator=None, lasts=timedelta(days=1), note="<script>hello</script>")
    _something_of_contacts(alice)
    boss = User.objects.get(username="boss")
    publish_terms(user=boss, kind="terms", language="en", text="<script>hello</script>", ask_again=True)
    accept_terms(user=alice, terms=1, privacy=0, door="rest")


def _something_of_contacts(alice: User) -> None:
    bot = enlist_bots(["parrot"])["parrot"]
    words = said("<script>hello</script>")
    store_inbounds([Arrival("paper", "parrot", "1", {"from": "ada"}, person="ada", heard=words)])
    [claimed] = claim_inbounds(limit=1)
    handle_inbound(claimed, author=bot, respond=lambda situation: [File(content="<script>hello")])
    save_state(contact=claimed.contact.pk, version=0, data={"said": "<script>hello"})
    pause_account(platform="paper", account="parrot", seconds=1, reason="Too many.")
    create_link_code(user=alice)
    hello = Text(text="<script>hello</script>")
    boss = User.objects.create_superuser("boss", "", PASSWORD)
    draft_broadcast(bot="parrot", content=hello, author=boss, contacts=[claimed.contact.pk])
    BotSetting.objects.create(bot="parrot", key="log_chat", value="feed")
    create_incoming(operator=boss, chat="feed", username="builds")


def test_every_model_is_there() -> None:
    assert {model._meta.model_name for model in admin.site._registry} >= set(MODELS)


@pytest.mark.usefixtures("_something_in_every_table")
@pytest.mark.parametrize("model", MODELS)
def test_rows_can_be_looked_at_and_neither_added_nor_deleted(root: Client, model: str) -> None:
    listing = root.get(reverse(f"admin:messaging_{model}_changelist"))
    assert listing.status_code == 200
    row = apps.get_model("messaging", model)._default_manager.order_by("pk").first()
    page = root.get(reverse(f"admin:messaging_{model}_change", args=[row.pk]))
    assert page.status_code == 200
    assert b"<script>hello" not in listing.content + page.content
    if model not in EDITED | ADDED:
        assert root.get(reverse(f"admin:messaging_{model}_add")).status_code == 403
    delete = reverse(f"admin:messaging_{model}_delete", args=[row.pk])
    assert root.post(delete, {"post": "yes"}).status_code == 403
    assert b"delete_selected" not in listing.content
    do(root, model, "delete_selected", row, confirmed=True)
    assert apps.get_model("messaging", model)._default_manager.filter(pk=row.pk).exists()


@pytest.mark.usefixtures("_something_in_every_table")
@pytest.mark.parametrize("model", [model for model in MODELS if model not in EDITED])
def test_the_others_have_no_form(root: Client, model: str) -> None:
    row = apps.get_model("messaging", model)._default_manager.order_by("pk").first()
    assert root.post(reverse(f"admin:messaging_{model}_change", args=[row.pk]), {}).status_code == 403


@pytest.mark.usefixtures("_something_in_every_table")
@pytest.mark.parametrize(
    ("model", "hidden"), [("token", "digest"), ("ticket", "origin_key"), ("message", "request_digest")]
)
def test_what_is_nobody_s_business_is_not_shown(root: Client, model: str, hidden: str) -> None:
    row = apps.get_model("messaging", model)._default_manager.order_by("pk").first()
    page = root.get(reverse(f"admin:messaging_{model}_change", args=[row.pk])).content.decode()
    assert "field-" in page
    assert f"field-{hidden}" not in page


def test_staff_read_what_is_said_where_they_are_and_nowhere_else(
    root: Client, alice: User, room: str
) -> None:
    message = post_message(user=alice, chat=room, text="only for us")
    post_message(user=alice, chat="feed", text="for everybody")

    def pages() -> str:
        row = Event.objects.get(message_id=message.id, type="message.posted")
        addresses = [
            reverse("admin:messaging_message_changelist"),
            reverse("admin:messaging_message_change", args=[message.id]),
            reverse("admin:messaging_event_change", args=[row.pk]),
        ]
        return "".join(root.get(address).content.decode() for address in addresses)

    assert "only for us" not in pages()
    assert "for everybody" in pages()
    add_member(user=alice, chat=room, username=User.objects.get(is_superuser=True).username)
    assert pages().count("only for us") == 3


# --- People -----------------------------------------------------------------------------------------------------------


def test_changing_a_person(root: Client, alice: User) -> None:
    answer = change(root, alice, username="queen", first_name="Alice")
    assert answer.status_code == 302
    row = User.objects.get(pk=alice.pk)
    assert (row.username, row.first_name, row.is_staff) == ("queen", "Alice", False)
    assert LogEntry.objects.filter(object_id=str(alice.pk)).exists()


def test_what_a_form_refuses(root: Client, alice: User, bob: User) -> None:
    for fields in ({"username": "BOB"}, {"username": "a b"}, {"email": "nowhere"}):
        answer = change(root, alice, **fields)
        assert answer.status_code == 200
        assert b"errorlist" in answer.content
    assert User.objects.get(pk=alice.pk).username == "alice"


def test_rights_given_and_taken_are_told_to_live_connections(root: Client, alice: User) -> None:
    operators = Group.objects.create(name="operators")
    operate = Permission.objects.get(codename="operate")
    operators.permissions.add(operate)
    change(root, alice, groups=[operators.pk], is_staff="on")
    row = User.objects.get(pk=alice.pk)
    assert row.is_operator
    assert row.is_staff
    assert row.access_version == alice.access_version + 1
    change(root, row)
    row = User.objects.get(pk=alice.pk)
    assert not row.is_operator
    assert row.access_version == alice.access_version + 2


def test_a_form_saved_as_it_was_ends_no_connection(root: Client, alice: User) -> None:
    change(root, alice)
    assert User.objects.get(pk=alice.pk).access_version == alice.access_version


def test_staff_who_may_change_people_give_no_rights_and_touch_no_superuser(alice: User) -> None:
    sam = staff("view_user", "change_user")
    change(sam, alice, is_staff="on", is_superuser="on", first_name="Alice")
    row = User.objects.get(pk=alice.pk)
    assert (row.first_name, row.is_staff, row.is_superuser) == ("Alice", False, False)
    root = User.objects.create_superuser("root", "", PASSWORD)
    assert change(sam, root, username="nobody").status_code == 403
    password = reverse("admin:auth_user_password_change", args=[root.pk])
    assert sam.post(password, {"password1": "battery-horse", "password2": "battery-horse"}).status_code == 403


def test_a_new_password_signs_the_person_out_everywhere(root: Client, alice: User) -> None:
    create_token(user=alice)
    path = reverse("admin:auth_user_password_change", args=[alice.pk])
    assert root.get(path).status_code == 200
    weak = root.post(path, {"password1": "12345678", "password2": "12345678"})
    assert weak.status_code == 200
    answer = root.post(path, {"password1": "battery-horse", "password2": "battery-horse"})
    assert answer.status_code == 302
    assert User.objects.get(pk=alice.pk).check_password("battery-horse")
    assert not Token.objects.filter(user=alice).exists()


def test_suspending_and_reinstating(root: Client, alice: User, bob: User, olive: User) -> None:
    answer = do(root, "user", "suspend", alice, olive)
    assert answer.status_code == 302
    assert not User.objects.get(pk=alice.pk).is_active
    assert User.objects.get(pk=olive.pk).is_active  # an operator
    page = root.get(answer.headers["Location"]).content.decode()
    assert "Operators cannot be suspended" in page
    assert "Suspended. (1)" in page
    do(root, "user", "reinstate", alice)
    assert User.objects.get(pk=alice.pk).is_active


def test_anonymising_asks_first(root: Client, alice: User, bob: User, room: str, thread: Chat) -> None:
    post_message(user=alice, chat=room, text="remember me")
    asked = do(root, "user", "anonymise", alice)
    assert asked.status_code == 200
    assert b"alice" in asked.content
    assert User.objects.get(pk=alice.pk).deleted_at is None
    assert do(root, "user", "anonymise", alice, confirmed=True).status_code == 302
    row = User.objects.get(pk=alice.pk)
    assert row.deleted_at is not None
    assert "alice" not in row.username
    assert Message.objects.get().text == "remember me"
    assert Chat.objects.get(pk=thread.pk).state == Chat.State.CLOSED
    assert change(root, row, username="alice").status_code == 403


def test_only_superusers_anonymise_superusers(alice: User) -> None:
    sam = staff("view_user", "delete_user")
    root = User.objects.create_superuser("root", "", PASSWORD)
    do(sam, "user", "anonymise", alice, root, confirmed=True)
    assert User.objects.get(pk=alice.pk).deleted_at is not None
    assert User.objects.get(pk=root.pk).deleted_at is None


def test_the_deleted_stay_deleted(root: Client, alice: User) -> None:
    delete_account(user=alice)
    name = User.objects.get(pk=alice.pk).username
    for action in ("suspend", "reinstate", "anonymise"):
        do(root, "user", action, alice, confirmed=True)
    row = User.objects.get(pk=alice.pk)
    assert (row.username, row.is_active) == (name, False)


def test_staff_without_the_right_are_offered_no_such_thing(alice: User) -> None:
    sam = staff("view_user", "view_message", "view_token")
    for action in ("suspend", "anonymise"):
        do(sam, "user", action, alice, confirmed=True)
    assert User.objects.get(pk=alice.pk).is_active


def test_charlie_is_not_let_in(charlie: User) -> None:
    client = Client()
    client.force_login(charlie)
    assert client.get(reverse("admin:messaging_message_changelist")).status_code == 302


# --- Messages and devices ---------------------------------------------------------------------------------------------


def test_deleting_messages_asks_first_and_blanks(root: Client, alice: User, room: str) -> None:
    for text in ("abuse", "more abuse", "fine"):
        post_message(user=alice, chat=room, text=text)
    abuse = list(Message.objects.filter(text__contains="abuse"))
    assert do(root, "message", "delete_messages", *abuse).status_code == 200
    assert Message.objects.filter(text="").count() == 0
    assert do(root, "message", "delete_messages", *abuse, confirmed=True).status_code == 302
    assert list(Message.objects.order_by("number").values_list("text", flat=True)) == ["", "", "fine"]
    assert Event.objects.filter(type="message.deleted").count() == 2


def test_signing_a_device_out(root: Client, alice: User, bob: User) -> None:
    lost, _ = create_token(user=alice)
    create_token(user=bob)
    assert do(root, "token", "revoke", lost).status_code == 302
    assert list(Token.objects.values_list("user__username", flat=True)) == ["bob"]


# --- Contacts ---------------------------------------------------------------------------------------------------------


def test_banning_a_contact_asks_first(root: Client, alice: User) -> None:
    _something_of_contacts(alice)
    contact = Contact.objects.get()
    assert b"Are you sure" in do(root, "contact", "ban", contact).content
    do(root, "contact", "ban", contact, confirmed=True)
    contact.refresh_from_db()
    assert contact.banned_at is not None
    assert Delivery.objects.get().state == "skipped"
    do(root, "contact", "unban", contact)
    contact.refresh_from_db()
    assert contact.banned_at is None


def test_the_journal_replays_what_is_parked_and_nothing_else(root: Client, alice: User) -> None:
    _something_of_contacts(alice)
    store_inbounds(
        [
            Arrival("paper", "parrot", "2", {}, person="ada", heard=said("again")),
            Arrival("paper", "parrot", "3", {}, error="A shape nobody knows."),
        ]
    )
    [claimed] = claim_inbounds(limit=5)
    park_inbound(claimed, error="the cage is open", author=None, apology="")
    listing = root.get(reverse("admin:messaging_inbound_changelist")).content.decode()
    assert "the cage is open" in listing
    assert "A shape nobody knows." in listing
    do(root, "inbound", "replay", *Inbound.objects.all())
    states = list(Inbound.objects.order_by("pk").values_list("state", flat=True))
    assert states == ["done", "waiting", "parked"]


def test_staff_who_are_no_operators_only_look(alice: User) -> None:
    _something_of_contacts(alice)
    client = staff("view_contact", "view_inbound", "view_botsetting")
    do(client, "contact", "ban", Contact.objects.get(), confirmed=True)
    do(client, "inbound", "replay", Inbound.objects.get())
    assert Contact.objects.get().banned_at is None
    setting = reverse("admin:messaging_botsetting_change", args=[BotSetting.objects.get().pk])
    assert client.post(setting, {"value": "mine"}).status_code == 403


def test_a_setting_is_edited(root: Client, alice: User) -> None:
    _something_of_contacts(alice)
    setting = reverse("admin:messaging_botsetting_change", args=[BotSetting.objects.get().pk])
    assert root.post(setting, {"value": "another"}).status_code == 302
    assert BotSetting.objects.get().value == "another"
    add = reverse("admin:messaging_botsetting_add")
    assert root.post(add, {"bot": "parrot", "key": "greeting", "value": "Hello"}).status_code == 302
    assert BotSetting.objects.get(key="greeting").value == "Hello"
