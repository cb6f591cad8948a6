"""What the platforms add to the admin: beside the settings of bots, a button that makes chats look as they say."""

from typing import Any

from asgiref.sync import async_to_sync
from django.apps import apps
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import URLPattern, path

from messaging.admin.contacts import BotSettingPages
from messaging.errors import Invalid
from webhooks.platforms.calls import CallFailed
from webhooks.platforms.messenger import GraphRefused
from webhooks.platforms.telegram import TelegramRefused
from webhooks.preparation import plan, prepare_all

_settings = apps.get_model("messaging", "BotSetting")
admin.site.unregister(_settings)


@admin.register(_settings)
class PreparingPages(BotSettingPages):
    """The settings, with the button: there is something to prepare before there is any setting to select."""

    change_list_template = "admin/webhooks/bot_settings.html"
    actions = ("prepare_chats",)

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.prepare_page)
        return [path("prepare/", page, name="messaging_botsetting_prepare"), *super().get_urls()]

    def prepare_page(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_change_permission(request):
            return HttpResponse(status=403)
        self._prepare(request)
        return redirect("admin:messaging_botsetting_changelist")

    @admin.action(
        description="Prepare the chats on all platforms as all settings say", permissions=["change"]
    )
    def prepare_chats(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        self._prepare(request)

    def _prepare(self, request: HttpRequest) -> None:
        try:
            planned = plan()
            changed = async_to_sync(prepare_all)(planned)
        except Invalid as error:
            self.message_user(request, error.sentence, messages.ERROR)
        except (CallFailed, TelegramRefused, GraphRefused) as error:
            self.message_user(request, f"The platform says: {error}", messages.ERROR)
        else:
            usual = "Everything is as it should be." if planned else "No platform's account is configured."
            for line in changed or [usual]:
                self.message_user(request, line)
