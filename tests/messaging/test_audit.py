"""What operators do to others is written down, whichever door they came in by, and whoever may look at it can."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from messaging.actions.accounts import create_token, suspend_user
from messaging.actions.bots import enlist_bots
from messaging.actions.chats import create_room
from messaging.actions.incoming import create_incoming
from messaging.actions.messages import delete_message, post_message
from messaging.models import Inbound, User
from tests.api.door import Caller
from tests.conftest import PASSWORD
from tests.messaging.test_broadcasts import people
from tests.messaging.test_broadcasts_admin import admin_of, do, draft_by

pytestmark = pytest.mark.django_db(transaction=True)


def deeds() -> list[tuple[str, str, str]]:
    entries = LogEntry.objects.order_by("pk").select_related("user")
    return [(entry.user.username, entry.object_repr, entry.get_change_message()) for entry in entries]


def test_deeds_by_rest_by_action_and_in_the_admin(olive: User, alice: User, bob: User) -> None:
    room = create_room(user=alice).uri
    post_message(user=alice, chat=room, text="something private")
    as_olive = Caller(olive)
    assert as_olive.post("/api/users/bob/suspend/").status == 204
    assert as_olive.delete(f"/api/chats/{room}/messages/1/").status == 200
    root = User.objects.create_superuser("root", "", PASSWORD)
    client = Client()
    client.force_login(root)
    for action in ("suspend", "reinstate"):
        client.post("/admin/messaging/user/", {"action": action, "_selected_action": [str(alice.pk)]})
    assert deeds() == [
        ("olive", "bob", "Suspended."),
        ("olive", f"message 1 of {room}", "Deleted."),
        ("root", "alice", "Suspended."),
        ("root", "alice", "Reinstated."),
    ]
    page = client.get("/admin/admin/logentry/").content.decode()
    assert "Reinstated." in page
    assert "something private" not in page


def test_deeds_of_the_desk_by_rest_and_in_the_admin(olive: User) -> None:
    (ada,) = people(1, first_name="Something private")
    as_olive, desk = Caller(olive), f"/api/desk/chats/{ada.chat.uri}/"
    for _ in range(2):  # what is so already is no deed
        for word in ("take", "hand-back", "ban"):
            assert as_olive.post(f"{desk}{word}/").status == 200
        assert as_olive.delete(f"{desk}ban/").status == 200
    client = admin_of(User.objects.create_superuser("root", "", PASSWORD))
    do(client, "contact", "ban", ada, confirmed="yes")
    do(client, "contact", "unban", ada)
    contact = f"telegram contact {ada.pk}"
    by_rest = [
        "Taken over from the bot.",
        "Handed back to the bot; olive had taken it.",
        "Banned.",
        "Unbanned.",
    ]
    assert deeds() == [
        *(("olive", contact, what) for what in by_rest * 2),
        ("root", contact, "Banned."),
        ("root", contact, "Unbanned."),
    ]


def test_deeds_about_broadcasts_webhooks_and_the_journal(olive: User) -> None:
    enlist_bots(["verses"])
    client = admin_of(User.objects.create_superuser("root", "", PASSWORD))
    one, other = (draft_by(client, *people(1)) for _ in range(2))
    do(client, "broadcast", "decline", other)
    for action in ("confirm", "pause", "resume"):
        do(client, "broadcast", action, one)
    do(client, "broadcast", "cancel", one, confirmed="yes")
    webhook, _ = create_incoming(operator=olive, chat="feed", username="ci")
    create_incoming(operator=None, chat="feed", username="console")
    for action in ("rotate", "disable", "enable"):
        do(client, "incomingwebhook", action, webhook, confirmed="yes")
    parked = Inbound.objects.create(
        platform="telegram",
        account="verses",
        external_id="1",
        person="ada",
        heard={},
        state=Inbound.State.PARKED,
        received_at=timezone.now(),
    )
    do(client, "inbound", "replay", parked)
    assert [(who, what) for who, _, what in deeds()] == [
        ("root", "Declined."),
        ("root", "Confirmed."),
        ("root", "Paused."),
        ("root", "Resumed."),
        ("root", "Cancelled."),
        ("olive", "Made."),
        ("root", "Given another secret."),
        ("root", "Switched off."),
        ("root", "Switched on."),
        ("root", "Replayed."),
    ]


def test_deeds_to_accounts_in_the_admin(olive: User, alice: User, bob: User) -> None:
    root = User.objects.create_superuser("root", "", PASSWORD)
    client = admin_of(root)
    token, _ = create_token(user=alice, name="phone")
    do(client, "token", "revoke", token)
    do(client, "user", "forget_second_factor", alice)
    do(client, "user", "anonymise", bob, confirmed="yes")
    password = "quite-another-horse"
    path = f"/admin/messaging/user/{alice.pk}/password/"
    assert client.post(path, {"password1": password, "password2": password}).status_code == 302
    changed = {"username": "alicia", "email": "", "is_staff": "on"}
    assert client.post(f"/admin/messaging/user/{alice.pk}/change/", changed).status_code == 302
    alice.refresh_from_db()
    assert (alice.username, alice.is_staff) == ("alicia", True)
    assert [what for _, _, what in deeds()] == [
        "Signed out.",
        "Forgotten.",
        "Anonymised.",
        "Changed password.",
        "Changed Username, Email and Staff status.",
    ]


def test_what_somebody_does_to_their_own_is_nobodys_deed(alice: User) -> None:
    room = create_room(user=alice).uri
    post_message(user=alice, chat=room, text="oops")
    delete_message(user=alice, chat=room, number=1)
    assert deeds() == []


def test_charlie_cannot_see_it(charlie: User, olive: User, bob: User) -> None:
    suspend_user(operator=olive, user=bob)
    client = Client()
    client.force_login(charlie)
    assert client.get("/admin/admin/logentry/").status_code == 302
