"""Chats, their members, messages and logs, in the admin."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse

from messaging.access import readable_by
from messaging.actions.messages import delete_message
from messaging.admin.base import LookOnly, shortened
from messaging.models import Chat, Event, Interval, Member, Message, ThreadSlot, User


class Said(LookOnly):
    """What was said is for those who may read the chat, here as everywhere; staff see that something was."""

    said_field: str

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        readable = readable_by(cast(User, request.user), "chat")
        rows: QuerySet[Any] = super().get_queryset(request)
        annotated: QuerySet[Any] = rows.annotate(is_readable=Q(readable))
        return annotated

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        hidden = () if obj is None or obj.is_readable else (self.said_field,)
        return (*(super().get_exclude(request, obj) or ()), *hidden)


@admin.register(Chat)
class ChatPages(LookOnly):
    list_display = ("uri", "kind", "name", "state", "message_count", "last_seq", "active_at")
    list_filter = ("kind", "state")
    search_fields = ("=uri", "name")
    exclude = ("client_id", "request_digest")


@admin.register(Message)
class MessagePages(Said):
    """An operator blanks a message; that there was one stays."""

    said_field = "text"

    list_display = ("chat", "number", "author", "beginning", "created_at", "deleted_at")
    list_filter = ("chat__kind", "deleted_at")
    list_select_related = ("chat", "author")
    search_fields = ("=chat__uri", "author__username")
    exclude = ("client_id", "request_digest")
    actions = ("delete_messages",)

    @admin.display(description="text")
    def beginning(self, message: Message) -> str:
        return shortened(message.text) if getattr(message, "is_readable", False) else "(private)"

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("messaging.operate")

    @admin.action(description="Delete: the text goes, that there was one stays", permissions=["operate"])
    def delete_messages(self, request: HttpRequest, rows: QuerySet[Message]) -> HttpResponse | None:
        rows = rows.filter(deleted_at__isnull=True).select_related("chat")
        question = "Their texts go for good, from everywhere."
        if page := self.confirmation(request, rows, action="delete_messages", question=question):
            return page
        operator = cast(User, request.user)
        self.do_to_each(
            request,
            rows,
            lambda message: delete_message(user=operator, chat=message.chat.uri, number=message.number),
            "Deleted.",
            notes_itself=True,
        )
        return None


@admin.register(Member)
class MemberPages(LookOnly):
    list_display = ("chat", "user", "role", "from_seq", "read_number", "barred")
    list_filter = ("role", "barred", "chat__kind")
    list_select_related = ("chat", "user")
    search_fields = ("=chat__uri", "user__username")


@admin.register(Interval)
class IntervalPages(LookOnly):
    list_display = ("member", "from_seq", "to_seq")
    list_select_related = ("member__chat", "member__user")
    search_fields = ("=member__chat__uri", "member__user__username")


@admin.register(Event)
class EventPages(Said):
    said_field = "data"
    list_display = ("chat", "seq", "type", "at")
    list_filter = ("type",)
    list_select_related = ("chat",)
    search_fields = ("=chat__uri",)


@admin.register(ThreadSlot)
class ThreadSlotPages(LookOnly):
    list_display = ("user", "chat")
    list_select_related = ("user", "chat")
    search_fields = ("user__username",)
