"""Contacts, and what passed between them and us, in the admin: looked at, replayed, banned."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from messaging.actions.bots import change_setting
from messaging.actions.contacts import ban_contact, hand_back_contact, unban_contact
from messaging.actions.journal import replay_inbounds
from messaging.admin.base import LookOnly, shortened
from messaging.admin.writing import write_to
from messaging.models import (
    BotSetting,
    BotState,
    Contact,
    Delivery,
    Document,
    Inbound,
    LinkCode,
    Pace,
    User,
)


class OperatorPages(LookOnly):
    """What operators may do something about."""

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("messaging.operate")


@admin.register(Contact)
class ContactPages(OperatorPages):
    list_display = (
        "__str__",
        "platform",
        "account",
        "external_id",
        "heard_at",
        "banned_at",
        "unreachable_at",
    )
    list_filter = ("platform", "account", "banned_at", "unreachable_at", "language")
    list_select_related = ("user",)
    search_fields = ("first_name", "last_name", "username", "=external_id", "=chat__uri")
    actions = ("write", "ban", "unban", "hand_back")

    @admin.action(description="Write to them", permissions=["operate"])
    def write(self, request: HttpRequest, rows: QuerySet[Contact]) -> HttpResponse:
        return write_to(self, request, contacts=list(rows.values_list("pk", flat=True)))

    @admin.action(description="Ban: neither heard, nor kept, nor written to", permissions=["operate"])
    def ban(self, request: HttpRequest, rows: QuerySet[Contact]) -> HttpResponse | None:
        question = (
            "Nothing that they do is answered or kept any more, and what waits to be sent to them is not."
        )
        if page := self.confirmation(request, rows, action="ban", question=question):
            return page
        operator = cast(User, request.user)
        self.do_to_each(
            request,
            rows,
            lambda row: ban_contact(operator=operator, contact=row.pk),
            "Banned.",
            notes_itself=True,
        )
        return None

    @admin.action(description="Undo a ban", permissions=["operate"])
    def unban(self, request: HttpRequest, rows: QuerySet[Contact]) -> None:
        operator = cast(User, request.user)
        self.do_to_each(
            request,
            rows,
            lambda row: unban_contact(operator=operator, contact=row.pk),
            "Unbanned.",
            notes_itself=True,
        )

    @admin.action(description="Hand back to the bot", permissions=["operate"])
    def hand_back(self, request: HttpRequest, rows: QuerySet[Contact]) -> None:
        operator = cast(User, request.user)
        self.do_to_each(
            request,
            rows,
            lambda row: hand_back_contact(operator=operator, contact=row.pk),
            "Handed back.",
            notes_itself=True,
        )


@admin.register(Inbound)
class InboundPages(OperatorPages):
    """The journal: what came, when, how often, what it led to, and why it was parked."""

    list_display = (
        "received_at",
        "platform",
        "account",
        "person",
        "kind",
        "state",
        "outcome",
        "repeats",
        "attempts",
        "why",
    )
    list_filter = ("state", "platform", "account", "kind")
    search_fields = ("=external_id", "=person", "=id")
    date_hierarchy = "received_at"
    ordering = ("-pk",)
    actions = ("replay",)

    @admin.display(description="error")
    def why(self, inbound: Inbound) -> str:
        return shortened(inbound.error.strip().rpartition("\n")[2])

    @admin.action(description="Replay: handle what is parked again, in its order", permissions=["operate"])
    def replay(self, request: HttpRequest, rows: QuerySet[Inbound]) -> None:
        chosen = list(rows.values_list("pk", flat=True))
        replayed = replay_inbounds(chosen, operator=cast(User, request.user))
        if replayed:
            self.message_user(request, f"{replayed} will be handled again.", messages.SUCCESS)
        if others := len(chosen) - replayed:
            told = f"{others} were left: what is done stays done, and what nobody understands has no handler."
            self.message_user(request, told, messages.WARNING)


@admin.register(Delivery)
class DeliveryPages(LookOnly):
    list_display = (
        "created_at",
        "contact",
        "state",
        "attempts",
        "lost",
        "due_at",
        "sent_at",
        "delivered_at",
        "read_at",
        "code",
        "reason",
    )
    list_filter = ("state", "contact__platform", "contact__account", "code")
    list_select_related = ("contact__user",)
    search_fields = ("=contact__external_id", "=contact__chat__uri")
    date_hierarchy = "created_at"
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        rows: QuerySet[Delivery] = super().get_queryset(request)
        return rows.select_related("message")


@admin.register(Pace)
class PacePages(LookOnly):
    list_display = ("platform", "account", "paced_until", "paused_until", "reason")


@admin.register(BotState)
class BotStatePages(LookOnly):
    list_display = ("contact", "version")
    list_select_related = ("contact__user",)
    search_fields = ("=contact__external_id",)


@admin.register(LinkCode)
class LinkCodePages(LookOnly):
    list_display = ("contact", "user", "expires_at")
    list_select_related = ("contact__user", "user")
    exclude = ("digest",)


@admin.register(Document)
class DocumentPages(LookOnly):
    list_display = ("message",)
    exclude = ("content",)


@admin.register(BotSetting)
class BotSettingPages(LookOnly):
    """The one thing here that is edited by hand: by operators, and by way of the action."""

    list_display = ("bot", "key", "value", "changed_at")
    list_filter = ("bot",)
    search_fields = ("key",)
    fields = ("bot", "key", "value")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("messaging.operate")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("messaging.operate")

    def get_readonly_fields(self, request: HttpRequest, obj: BotSetting | None = None) -> tuple[str, ...]:
        return () if obj is None else ("bot", "key")

    def save_model(self, request: HttpRequest, obj: BotSetting, form: Any, change: bool) -> None:
        saved = change_setting(operator=cast(User, request.user), bot=obj.bot, key=obj.key, value=obj.value)
        obj.pk = saved.pk
