"""Broadcasts and their progress, in the admin: confirmed by their author; paused, resumed and cancelled by operators."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse

from messaging.actions.broadcasts import (
    cancel_broadcast,
    confirm_broadcast,
    decline_broadcast,
    pause_broadcast,
    resume_broadcast,
)
from messaging.admin.base import LookOnly, shortened
from messaging.models import Broadcast, Recipient, User
from messaging.queries.broadcasts import skipped_because


@admin.register(Broadcast)
class BroadcastPages(LookOnly):
    """A new one is written from the list of contacts or of users: choose people there, and “Write to them”."""

    list_display = (
        *("id", "beginning", "bot", "who", "state", "created_at", "finished_at"),
        *("people", "waiting", "handed", "sent", "skipped", "failed", "perhaps_twice"),
    )
    list_filter = ("state", "bot")
    list_select_related = ("author", "author_contact__user", "schedule")
    date_hierarchy = "created_at"
    ordering = ("-pk",)
    fields = (
        *("bot", "text", "who", "state", "created_at", "confirmed_at", "finished_at"),
        *("people", "waiting", "handed", "sent", "skipped", "failed", "perhaps_twice", "why_not"),
    )
    actions = ("confirm", "decline", "pause", "resume", "cancel")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("messaging.operate")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Broadcast]:
        counts: dict[str, Any] = {
            f"in_{state.value}": Count("recipients", filter=Q(recipients__state=state))
            for state in Recipient.State
        }
        rows: QuerySet[Broadcast] = super().get_queryset(request)
        return rows.annotate(in_all=Count("recipients"), tries_lost=Sum("recipients__lost"), **counts)

    @admin.display(description="text")
    def beginning(self, row: Broadcast) -> str:
        return shortened(row.text)

    @admin.display(description="by")
    def who(self, row: Broadcast) -> str:
        return str(row.author or row.author_contact or row.schedule or "")

    @admin.display
    def people(self, row: Any) -> int:
        return int(row.in_all)

    @admin.display
    def waiting(self, row: Any) -> int:
        return int(row.in_waiting)

    @admin.display(description="on the way")
    def handed(self, row: Any) -> int:
        return int(row.in_handed)

    @admin.display
    def sent(self, row: Any) -> int:
        return int(row.in_sent)

    @admin.display
    def skipped(self, row: Any) -> int:
        return int(row.in_skipped)

    @admin.display
    def failed(self, row: Any) -> int:
        return int(row.in_failed)

    @admin.display(description="perhaps twice")
    def perhaps_twice(self, row: Any) -> int:
        """Where a worker died between the platform's answer and our record."""
        return int(row.tries_lost or 0)

    @admin.display(description="why some did not get it")
    def why_not(self, row: Broadcast) -> str:
        return "\n".join(f"{people}: {reason or code}" for code, reason, people in skipped_because(row.pk))

    @admin.action(description="Confirm: send my draft", permissions=["operate"])
    def confirm(self, request: HttpRequest, rows: QuerySet[Broadcast]) -> None:
        author = cast(User, request.user)
        self.do_to_each(
            request,
            rows,
            lambda row: confirm_broadcast(broadcast=row.pk, user=author),
            "On its way.",
            notes_itself=True,
        )

    @admin.action(description="Decline: throw my draft away", permissions=["operate"])
    def decline(self, request: HttpRequest, rows: QuerySet[Broadcast]) -> None:
        author = cast(User, request.user)
        self.do_to_each(
            request,
            rows,
            lambda row: decline_broadcast(broadcast=row.pk, user=author),
            "Thrown away.",
            notes_itself=True,
        )

    @admin.action(description="Pause", permissions=["operate"])
    def pause(self, request: HttpRequest, rows: QuerySet[Broadcast]) -> None:
        operator = cast(User, request.user)
        self.do_to_each(
            request,
            rows,
            lambda row: pause_broadcast(operator=operator, broadcast=row.pk),
            "Paused.",
            notes_itself=True,
        )

    @admin.action(description="Resume", permissions=["operate"])
    def resume(self, request: HttpRequest, rows: QuerySet[Broadcast]) -> None:
        operator = cast(User, request.user)
        self.do_to_each(
            request,
            rows,
            lambda row: resume_broadcast(operator=operator, broadcast=row.pk),
            "Resumed.",
            notes_itself=True,
        )

    @admin.action(description="Cancel: whoever has not got it will not", permissions=["operate"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Broadcast]) -> HttpResponse | None:
        question = "Whoever has not got it will not."
        if page := self.confirmation(request, rows, action="cancel", question=question):
            return page
        operator = cast(User, request.user)
        self.do_to_each(
            request,
            rows,
            lambda row: cancel_broadcast(operator=operator, broadcast=row.pk),
            "Cancelled.",
            notes_itself=True,
        )
        return None


@admin.register(Recipient)
class RecipientPages(LookOnly):
    list_display = ("broadcast", "contact", "user", "state", "code", "reason", "lost", "handed_at")
    list_filter = ("state", "code")
    list_select_related = ("broadcast", "contact__user", "user")
    search_fields = ("=broadcast__id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Recipient]:
        rows: QuerySet[Recipient] = super().get_queryset(request)
        return rows.select_related("message", "delivery__message")
