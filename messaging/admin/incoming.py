"""Incoming webhooks in the admin: who may call, another secret, off and on. `manage.py incoming_webhook` makes them."""

from typing import cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from messaging.actions.incoming import disable_incoming, enable_incoming, rotate_incoming
from messaging.admin.base import LookOnly
from messaging.models import IncomingWebhook, User


@admin.register(IncomingWebhook)
class IncomingWebhookPages(LookOnly):
    list_display = ("uid", "bot", "chat", "created_at", "former_until", "disabled_at")
    list_filter = ("disabled_at",)
    list_select_related = ("bot", "chat")
    search_fields = ("=uid", "bot__username", "=chat__uri")
    exclude = ("version",)
    actions = ("rotate", "disable", "enable")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("messaging.operate")

    @admin.action(description="Give another secret, shown once", permissions=["operate"])
    def rotate(self, request: HttpRequest, rows: QuerySet[IncomingWebhook]) -> HttpResponse | None:
        question = "Each gets another secret. The one that it has now is taken for a day more."
        if page := self.confirmation(request, rows, action="rotate", question=question):
            return page

        def give(webhook: IncomingWebhook) -> None:
            row, secret = rotate_incoming(operator=cast(User, request.user), uid=webhook.uid)
            self.message_user(request, f"{row}: {secret}")

        self.do_to_each(request, rows, give, "Given another secret.", notes_itself=True)
        return None

    @admin.action(description="Switch off", permissions=["operate"])
    def disable(self, request: HttpRequest, rows: QuerySet[IncomingWebhook]) -> HttpResponse | None:
        question = "Calls are refused from now on, and the secrets are void."
        if page := self.confirmation(request, rows, action="disable", question=question):
            return page
        operator = cast(User, request.user)
        self.do_to_each(
            request,
            rows,
            lambda row: disable_incoming(operator=operator, uid=row.uid),
            "Switched off.",
            notes_itself=True,
        )
        return None

    @admin.action(description="Switch on, with another secret, shown once", permissions=["operate"])
    def enable(self, request: HttpRequest, rows: QuerySet[IncomingWebhook]) -> None:
        def give(webhook: IncomingWebhook) -> None:
            row, secret = enable_incoming(operator=cast(User, request.user), uid=webhook.uid)
            self.message_user(request, f"{row}: {secret}")

        self.do_to_each(
            request, rows.filter(disabled_at__isnull=False), give, "Switched on.", notes_itself=True
        )
