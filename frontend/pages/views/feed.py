"""The public feed: read by anybody, written to by whoever has signed in."""

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse

from frontend.pages import chat_page
from frontend.pages.visitor import visitor
from messaging.queries.chats import ChatSummary, chat_list

if TYPE_CHECKING:
    from django.contrib.auth.models import _User

CHATS_BESIDE = 6


def feed(request: HttpRequest) -> HttpResponse:
    access = chat_page.access_to_page(request, chat_page.FEED, chat_page.FEED)
    user = visitor(request)
    beside = _chats_beside(user) if user else []
    if request.method == "POST":
        return chat_page.post(request, access, chats=beside)
    return chat_page.show(request, access, chats=beside)


def _chats_beside(user: "_User") -> list[ChatSummary]:
    return [chat for chat in chat_list(user, limit=CHATS_BESIDE).chats if chat.kind != chat_page.FEED]
