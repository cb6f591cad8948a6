"""The Django application that holds the core."""

from django.apps import AppConfig

from messaging.counters import count_database_errors


class MessagingConfig(AppConfig):
    name = "messaging"
    verbose_name = "Parley"

    def ready(self) -> None:
        from messaging import checks  # noqa: F401, PLC0415 - registers the system checks

        count_database_errors()
        from messaging.actions import schedules  # noqa: F401, PLC0415 - announces what schedules can do
