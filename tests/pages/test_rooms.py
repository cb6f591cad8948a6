"""Rooms on the pages: made, joined by their link, run by their owner, left."""

import pytest

from messaging.models import Chat, User
from tests.pages.visitor import Visitor


@pytest.fixture
def room(as_alice: Visitor) -> str:
    """The address of alice's room."""
    return as_alice.submit(as_alice.open("/rooms/new/").form("Make the room"), name="Harbour watch").url


def test_a_room_is_made_once(as_alice: Visitor) -> None:
    form = as_alice.open("/rooms/new/").form("Make the room")
    page = as_alice.submit(form, name="Harbour watch")
    assert page.title == "Harbour watch"
    assert as_alice.submit(form, name="Harbour watch").url == page.url
    assert Chat.objects.filter(kind="room").count() == 1
    assert as_alice.submit(form, name="").status == 400


def test_opening_a_room_only_shows_it_and_a_button_joins(
    as_alice: Visitor, as_bob: Visitor, room: str
) -> None:
    as_alice.say(room, "Fog until noon")
    page = as_bob.open(room)
    assert (page.status, page.title) == (200, "Harbour watch")
    assert "Fog" not in page.html
    assert "alice" not in page.content.said
    assert as_alice.open(room).has("summary", "1 member")
    page = as_bob.submit(page.form("Join the room"))
    assert page.url == room
    assert page.messages == ["Fog until noon"]
    assert as_bob.say(room, "And after?").messages == ["Fog until noon", "And after?"]
    assert as_alice.open(room).has("summary", "2 members")


def test_a_room_is_for_those_who_have_signed_in(nobody: Visitor, room: str) -> None:
    assert nobody.open(room).url == f"/login/?next={room}"


def test_a_room_without_an_open_link_is_not_there(as_alice: Visitor, as_bob: Visitor, room: str) -> None:
    join = as_bob.open(room).form("Join the room")
    as_alice.submit(as_alice.open(room).form("Save"), without=("link_open",))
    assert as_bob.open(room).status == 404
    assert as_bob.submit(join).status == 404
    page = as_alice.submit(as_alice.open(room).form("Invite"), username="bob")
    assert page.notices == ["bob is in the room."]
    assert as_bob.open(room).title == "Harbour watch"
    assert not as_bob.open(room).has("button", "Invite")


def test_inviting_somebody_who_is_not_there_says_so(as_alice: Visitor, room: str) -> None:
    page = as_alice.submit(as_alice.open(room).form("Invite"), username="nemo")
    assert (page.url, page.notices) == (room, ["There is nobody of that name."])
    page = as_alice.submit(as_alice.open(room).form("Invite"), username="Alice")
    assert page.notices == ["alice is in the room already."]


def test_only_the_owner_runs_it(as_alice: Visitor, as_bob: Visitor, room: str) -> None:
    as_bob.submit(as_bob.open(room).form("Join the room"))
    page = as_bob.open(room)
    assert not page.has("button", "Save")
    assert not page.has("button", "Remove alice")
    for form in (as_alice.open(room).form("Save"), as_alice.open(room).form("Remove bob")):
        form.fields |= {"csrfmiddlewaretoken": page.form("Send").fields["csrfmiddlewaretoken"]}
        refused = as_bob.submit(form, name="Mine", username="alice")
        assert refused.notices == ["Only the room's owner may do that."]
    assert as_alice.open(room).title == "Harbour watch"


def test_the_owner_renames_it(as_alice: Visitor, room: str) -> None:
    assert as_alice.submit(as_alice.open(room).form("Save"), name="Night watch").title == "Night watch"
    page = as_alice.submit(as_alice.open(room).form("Save"), name="x" * 101)
    assert page.notices == ["A room needs a name of at most 100 characters."]


def test_who_was_removed_comes_back_by_invitation_only(as_alice: Visitor, as_bob: Visitor, room: str) -> None:
    join = as_bob.open(room).form("Join the room")
    as_bob.submit(join)
    as_alice.say(room, "before")
    page = as_alice.submit(as_alice.open(room).form("Remove bob"))
    assert page.notices == ["bob has been removed, and comes back by invitation only."]
    as_alice.say(room, "meanwhile")
    assert "before" not in as_bob.open(room).html
    assert as_bob.submit(join).status == 404
    as_alice.submit(as_alice.open(room).form("Invite"), username="bob")
    assert as_bob.open(room).messages == ["before"]


def test_leaving(as_alice: Visitor, as_bob: Visitor, room: str) -> None:
    as_bob.submit(as_bob.open(room).form("Join the room"))
    page = as_bob.submit(as_bob.open(room).form("Leave the room"))
    assert (page.url, page.notices) == ("/chats/", ["You have left the room."])
    assert as_alice.open(room).has("summary", "1 member")


def test_charlie_sees_nothing_of_a_room_whose_link_is_closed(
    as_alice: Visitor, as_charlie: Visitor, room: str, bob: User
) -> None:
    as_alice.submit(as_alice.open(room).form("Save"), without=("link_open",))
    form = as_alice.open(room).form("Send")
    form.fields |= as_charlie.open("/account/").form("Log out").fields
    assert as_charlie.submit(form, text="hello?").status == 404
    assert as_charlie.open("/chats/").content.said.count("Harbour watch") == 0


def test_whoever_has_not_joined_cannot_write(as_alice: Visitor, as_bob: Visitor, room: str) -> None:
    form = as_alice.open(room).form("Send")
    form.fields |= as_bob.open("/account/").form("Log out").fields
    assert as_bob.submit(form, text="hello?").status == 403
    assert as_alice.open(room).messages == []
