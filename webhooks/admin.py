"""What the platforms add to the admin: beside the settings of bots, an action that makes chats look as they say."""

from typing import Any

from asgiref.sync import async_to_sync
from django.apps import apps
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from messaging.errors import Invalid
from webhooks.platforms.calls import CallFailed
from webhooks.platforms.messenger import GraphRefused
from webhooks.platforms.telegram import TelegramRefused
from webhooks.preparation import plan, prepare_all


@admin.action(description="Prepare the chats on all platforms as all settings say", permissions=["change"])
def prepare_chats(pages: Any, request: HttpRequest, rows: QuerySet[Any]) -> None:
    try:
        planned = plan()
        changed = async_to_sync(prepare_all)(planned)
    except Invalid as error:
        pages.message_user(request, error.sentence, messages.ERROR)
    except (CallFailed, TelegramRefused, GraphRefused) as error:
        pages.message_user(request, f"The platform says: {error}", messages.ERROR)
    else:
        usual = "Everything is as it should be." if planned else "No platform's account is configured."
        for line in changed or [usual]:
            pages.message_user(request, line)


_pages = admin.site.get_model_admin(apps.get_model("messaging", "BotSetting"))
_pages.actions = (*(_pages.actions or ()), prepare_chats)
