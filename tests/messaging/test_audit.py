"""What operators do to others is written down, whichever door they came in by, and whoever may look at it can."""

from django.contrib.admin.models import LogEntry
from django.test import Client

from messaging.actions.accounts import suspend_user
from messaging.actions.chats import create_room
from messaging.actions.messages import delete_message, post_message
from messaging.models import User
from tests.api.door import Caller
from tests.conftest import PASSWORD


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
