"""The Django application of the verse bot."""

from django.apps import AppConfig


class VersesConfig(AppConfig):
    name = "bots.verses"
    label = "verses"
    verbose_name = "Verses"
