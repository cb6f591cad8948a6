"""Broadcasts and schedules in the admin: written to selected people, previewed, decided; schedules edited and explained."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from messaging.actions.bots import enlist_bots
from messaging.actions.broadcasts import hand_over_broadcasts
from messaging.models import Broadcast, Message, Recipient, Schedule, User
from tests.conftest import PASSWORD
from tests.messaging.test_broadcasts import confirmed, people

pytestmark = pytest.mark.django_db(transaction=True)


def admin_of(user: User) -> Client:
    client = Client()
    user.is_staff = True
    user.save()
    client.force_login(user)
    return client


@pytest.fixture
def root(transactional_db: None) -> User:
    enlist_bots(["verses"])
    return User.objects.create_superuser("root", "", PASSWORD)


def do(client: Client, model: str, action: str, *rows: Any, **fields: str) -> Any:
    path = reverse(f"admin:messaging_{model}_changelist")
    chosen = [row.pk for row in rows]
    return client.post(path, {"action": action, "_selected_action": chosen, **fields}, follow=True)


def draft_by(client: Client, *rows: Any, model: str = "contact") -> Broadcast:
    do(client, model, "write", *rows, bot="verses", text="<b>Hello</b> there")
    return Broadcast.objects.latest("pk")


def test_writing_to_selected_contacts(root: User) -> None:
    client = admin_of(root)
    ada, ben, cyn = people(2) + people(1, platform="messenger")
    people(1)
    asked = do(client, "contact", "write", ada, ben, cyn)
    assert b"To 3 people" in asked.content
    assert not Broadcast.objects.exists()
    assert b"This field is required" in do(client, "contact", "write", ada, bot="verses", text=" ").content
    preview = do(client, "contact", "write", ada, ben, cyn, bot="verses", text="<b>Hello</b> there").content
    assert b"verses says to 3 people, of whom 1 can" in preview
    assert b"&lt;b&gt;Hello&lt;/b&gt; there" in preview
    assert hand_over_broadcasts() == 0
    done = do(client, "broadcast", "confirm", Broadcast.objects.get())
    assert b"On its way. (1)" in done.content
    assert hand_over_broadcasts() == 2
    assert b"already" in do(client, "broadcast", "confirm", Broadcast.objects.get()).content
    shown = client.get(reverse("admin:messaging_broadcast_change", args=[Broadcast.objects.get().pk])).content
    assert b"1: The platform lets us write only after" in shown
    assert set(Message.objects.values_list("text", flat=True)) == {"<b>Hello</b> there"}


def test_writing_to_selected_users(root: User, alice: User, bob: User) -> None:
    bob.is_active = False
    bob.save()
    draft = draft_by(admin_of(root), alice, bob, model="user")
    assert [row.user for row in Recipient.objects.filter(broadcast=draft)] == [alice]


def test_declining(root: User) -> None:
    client = admin_of(root)
    draft = draft_by(client, *people(1))
    assert b"Thrown away. (1)" in do(client, "broadcast", "decline", draft).content
    assert hand_over_broadcasts() == 0


def test_only_whoever_wrote_it_confirms(root: User, olive: User) -> None:
    draft = draft_by(admin_of(root), *people(1))
    other = User.objects.create_superuser("ruth", "", PASSWORD)
    assert b"Only whoever wrote it" in do(admin_of(other), "broadcast", "confirm", draft).content
    assert Broadcast.objects.get().state == "draft"


def test_pausing_resuming_and_cancelling(root: User) -> None:
    client = admin_of(root)
    broadcast = confirmed(root, people(2))
    for action, state in (("pause", "paused"), ("resume", "running")):
        do(client, "broadcast", action, broadcast)
        broadcast.refresh_from_db()
        assert broadcast.state == state
    assert b"Are you sure" in do(client, "broadcast", "cancel", broadcast).content
    do(client, "broadcast", "cancel", broadcast, confirmed="yes")
    broadcast.refresh_from_db()
    assert broadcast.state == "cancelled"
    assert (
        b"The broadcast was cancelled."
        in client.get(reverse("admin:messaging_broadcast_change", args=[broadcast.pk])).content
    )


def test_staff_who_are_no_operators_are_offered_no_such_thing(root: User, alice: User) -> None:
    alice.user_permissions.set(Permission.objects.filter(codename__in=["view_contact", "view_broadcast"]))
    client = admin_of(alice)
    (ada,) = people(1)
    draft = draft_by(admin_of(root), ada)
    do(client, "contact", "write", ada, bot="verses", text="Buy my boat")
    do(client, "broadcast", "confirm", draft)
    assert [(row.text, row.state) for row in Broadcast.objects.all()] == [("<b>Hello</b> there", "draft")]
    assert client.get(reverse("admin:messaging_schedule_add")).status_code == 403


# --- Schedules --------------------------------------------------------------------------------------------------------

FORM = {"name": "Morning", "chore": "clean_up", "cron": "30 7 * * 1", "zone": "Europe/Paris", "enabled": "on"}


def save(client: Client, schedule: Schedule | None = None, **fields: str) -> Any:
    path = (
        reverse("admin:messaging_schedule_add")
        if schedule is None
        else reverse("admin:messaging_schedule_change", args=[schedule.pk])
    )
    return client.post(path, FORM | fields, follow=True)


def test_a_schedule_is_said_in_words_with_its_next_times_and_their_zone(root: User) -> None:
    client = admin_of(root)
    assert save(client).status_code == 200
    schedule = Schedule.objects.get(name="Morning")
    assert schedule.next_at is not None
    page = client.get(reverse("admin:messaging_schedule_change", args=[schedule.pk])).content.decode()
    assert "At 07:30 on Monday" in page
    assert page.count("07:30 Europe/Paris") == 5
    listing = client.get(reverse("admin:messaging_schedule_changelist")).content.decode()
    assert "At 07:30 on Monday" in listing
    save(client, schedule, cron="0 8 * * *", enabled="")
    schedule.refresh_from_db()
    assert schedule.cron == "0 8 * * *"
    assert Schedule.objects.filter(pk=schedule.pk, next_at__isnull=True).exists()


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("cron", "60 * * * *", "The minute is wrong."),
        ("cron", "soon", "It has five fields"),
        ("zone", "Mars/Olympus", "There is no such time zone."),
        ("chore", "dance", "Select a valid choice"),
        ("chore", "broadcast", "A broadcast needs a bot"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(root: User, field: str, value: str, sentence: str) -> None:
    answer = save(admin_of(root), None, **{field: value}).content.decode()
    assert sentence in answer
    assert not Schedule.objects.filter(name="Morning").exists()


def test_running_one_now(root: User) -> None:
    client = admin_of(root)
    schedule = Schedule.objects.get(name="Weekly clean-up")
    do(client, "schedule", "run_now", schedule)
    schedule.refresh_from_db()
    assert schedule.last_outcome == "done: 0"
