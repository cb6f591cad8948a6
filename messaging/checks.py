"""System checks that know the data: what would go wrong with the settings as they are."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004 - Django's name
from django.db import DatabaseError
from django.db.models import Count

from messaging.models import Chat, Member


@register(Tags.security)
def check_https_has_a_proxy(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """TLS ends at a proxy; without believing it, every request looks like plain HTTP and is sent back to https."""
    if not settings.HTTPS or settings.TRUSTED_PROXIES:
        return []
    return [
        Warning(
            f"People are to reach {settings.WEB_DOMAIN} by https, but no proxy is trusted to say that they did: every page "
            "would redirect to itself for ever.",
            hint="Set TRUSTED_PROXIES to the number of proxies in front (1 for nginx, Caddy, Heroku or Dokku), or "
            "HTTPS=false to serve plain HTTP.",
            id="messaging.W002",
        )
    ]


@register()
def check_exclusive_threads(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Names the people who are in several active threads, which EXCLUSIVE_THREADS forbids."""
    if not settings.EXCLUSIVE_THREADS:
        return []
    try:
        with_bots = Member.objects.filter(user__is_bot=True).values("chat_id")
        several = list(
            Member.objects.filter(chat__kind=Chat.Kind.THREAD, chat__state=Chat.State.ACTIVE)
            .exclude(chat_id__in=with_bots)
            .values("user__username")
            .annotate(threads=Count("chat_id"))
            .filter(threads__gt=1)
            .order_by("user__username")[:20]
        )
    except DatabaseError:
        return []  # not migrated yet, or not reachable: others say so
    return [
        Warning(
            f"{row['user__username']} is in {row['threads']} active threads, and EXCLUSIVE_THREADS is on.",
            hint="They open no new thread until all but one are closed. Close them, or set EXCLUSIVE_THREADS=false.",
            id="messaging.W001",
        )
        for row in several
    ]
