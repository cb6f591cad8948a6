"""The Django application that holds the server-rendered pages."""

from django.apps import AppConfig


class PagesConfig(AppConfig):
    name = "frontend.pages"
    label = "pages"
    verbose_name = "Pages"
