"""The deployment's own rows, and what operators did, in the admin."""

from django.contrib import admin
from django.contrib.admin.models import LogEntry

from messaging.admin.base import LookOnly
from messaging.models import Chore, Deployment


@admin.register(Deployment)
class DeploymentPages(LookOnly):
    list_display = ("epoch",)


@admin.register(Chore)
class ChorePages(LookOnly):
    list_display = ("name", "due_at")


@admin.register(LogEntry)
class DeedPages(LookOnly):
    """Who did what to whom, by any door; and what was changed in the admin."""

    list_display = ("action_time", "user", "content_type", "object_repr", "get_change_message")
    list_filter = ("content_type",)
    list_select_related = ("user", "content_type")
    search_fields = ("user__username", "object_repr")
    date_hierarchy = "action_time"
