"""Rooms: made, joined by their link, left, and run by their owner."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages as notices
from django.http import HttpResponse
from django.shortcuts import redirect, render

from frontend.pages import chat_page
from frontend.pages.errors import not_a_page
from frontend.pages.forms import PersonForm, RoomForm, RoomSettingsForm, status_of_form
from frontend.pages.visitor import PersonRequest, signed_in
from messaging.actions import chats as actions
from messaging.errors import Invalid, NotFound, ParleyError
from messaging.queries.chats import chat_summary, members_of, room_preview


@signed_in
def new(request: PersonRequest) -> HttpResponse:
    form = RoomForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        client_id = form.cleaned_data.pop("client_id") or None
        chat = actions.create_room(user=request.user, client_id=client_id, **form.cleaned_data)
        return redirect("pages:room", chat.uri)
    return render(request, "pages/room_new.html", {"form": form}, status=status_of_form(form))


@signed_in
def room(request: PersonRequest, uri: str) -> HttpResponse:
    """To somebody who is not in it, the page only shows that there is such a room: a button joins."""
    access = chat_page.access_to_page(request, uri, "room")
    if not access.reads and request.method != "POST":
        return render(request, "pages/room_preview.html", {"room": room_preview(access)})
    access.require_read()
    settings = {"name": access.chat.name, "link_open": access.chat.link_open}
    extra: dict[str, Any] = {
        "chat": chat_summary(access),
        "members": members_of(access).members,
        "manages": access.manages,
        "settings_form": RoomSettingsForm(settings, auto_id="id_room_%s"),
        "link": request.build_absolute_uri(chat_page.page_of("room", uri)),
    }
    if request.method == "POST":
        return chat_page.post(request, access, **extra)
    return chat_page.show(request, access, **extra)


def _doing(action: Callable[[PersonRequest, str], HttpResponse]) -> Callable[..., HttpResponse]:
    """A form on the room's page: does what it asks, and leads back to the page, with a notice where it was refused."""

    @signed_in
    def view(request: PersonRequest, uri: str) -> HttpResponse:
        if request.method != "POST":
            return not_a_page(request)
        try:
            return action(request, uri)
        except ParleyError as refusal:
            if refusal.code == NotFound.code:
                raise
            notices.warning(request, refusal.sentence)
            return redirect("pages:room", uri)

    return view


@_doing
def join(request: PersonRequest, uri: str) -> HttpResponse:
    actions.add_member(user=request.user, chat=uri)
    return redirect("pages:room", uri)


@_doing
def leave(request: PersonRequest, uri: str) -> HttpResponse:
    actions.leave_room(user=request.user, chat=uri)
    notices.success(request, "You have left the room.")
    return redirect("pages:chats")


@_doing
def invite(request: PersonRequest, uri: str) -> HttpResponse:
    _, person, is_new = actions.add_member(user=request.user, chat=uri, username=_username(request))
    notices.success(request, f"{person.username} is in the room{'' if is_new else ' already'}.")
    return redirect("pages:room", uri)


@_doing
def remove(request: PersonRequest, uri: str) -> HttpResponse:
    person = actions.remove_member(user=request.user, chat=uri, username=_username(request))
    notices.success(request, f"{person.username} has been removed, and comes back by invitation only.")
    return redirect("pages:room", uri)


@_doing
def change(request: PersonRequest, uri: str) -> HttpResponse:
    form = RoomSettingsForm(request.POST)
    if not form.is_valid():
        raise Invalid("A room needs a name of at most 100 characters.")
    actions.change_room(user=request.user, chat=uri, **form.cleaned_data)
    return redirect("pages:room", uri)


def _username(request: PersonRequest) -> str:
    form = PersonForm(request.POST)
    if not form.is_valid():
        raise Invalid("Say who.")
    return str(form.cleaned_data["username"])
