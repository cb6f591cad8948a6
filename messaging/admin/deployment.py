"""The deployment's own rows, in the admin."""

from django.contrib import admin

from messaging.admin.base import LookOnly
from messaging.models import Chore, Deployment


@admin.register(Deployment)
class DeploymentPages(LookOnly):
    list_display = ("epoch",)


@admin.register(Chore)
class ChorePages(LookOnly):
    list_display = ("name", "due_at")
