"""The Django application of the verse bot."""

from django.apps import AppConfig


class VersesConfig(AppConfig):
    name = "bots.verses"
    label = "verses"
    verbose_name = "Verses"

    def ready(self) -> None:
        from bots.verses.actions import daily, readers  # noqa: F401, PLC0415 - announces what schedules can do
