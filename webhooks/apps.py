"""The webhooks' app: it has no tables, but commands."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"
