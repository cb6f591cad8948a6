"""The list of one's chats, and what can be done to a chat of any kind."""

from django.http import HttpResponse
from django.shortcuts import redirect, render

from frontend.pages.chat_page import page_of
from frontend.pages.errors import not_a_page
from frontend.pages.forms import ReadForm
from frontend.pages.visitor import PersonRequest, signed_in
from messaging.actions.chats import mark_read
from messaging.errors import Invalid
from messaging.queries.chats import chat_list, readable

LISTED = 50


@signed_in
def chats(request: PersonRequest) -> HttpResponse:
    page = chat_list(request.user, limit=LISTED, before=request.GET.get("before", ""))
    return render(request, "pages/chats.html", {"chats": page.chats, "older": page.next})


@signed_in
def read(request: PersonRequest, uri: str) -> HttpResponse:
    """What the script does by itself when the messages have been on the screen."""
    if request.method != "POST":
        return not_a_page(request)
    form = ReadForm(request.POST)
    if not form.is_valid():
        raise Invalid("Say up to which message.")
    mark_read(user=request.user, chat=uri, number=form.cleaned_data["number"])
    return redirect(page_of(readable(uri, request.user).chat.kind, uri))
