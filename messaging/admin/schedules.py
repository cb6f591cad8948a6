"""Schedules, in the admin: edited there, checked, said in words, with their next times."""

from itertools import islice
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from messaging.actions.schedules import check_schedule, run_schedule_now, save_schedule
from messaging.admin.base import LookOnly
from messaging.chores import chore_titles
from messaging.cron import in_words, times_of, zone_named
from messaging.errors import Invalid
from messaging.models import Schedule

SHOWN_TIMES = 5

if TYPE_CHECKING:
    ScheduleFormBase = forms.ModelForm[Schedule]
else:
    ScheduleFormBase = forms.ModelForm


class ScheduleForm(ScheduleFormBase):
    """Says what is wrong beside the field that it is wrong in."""

    chore = forms.ChoiceField(choices=chore_titles)

    class Meta:
        model = Schedule
        fields = ("name", "chore", "cron", "zone", "enabled", "bot", "text")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            try:
                check_schedule(Schedule(**cleaned))
            except Invalid as error:
                for field, sentences in error.facts.get("fields", {None: [error.sentence]}).items():
                    self.add_error(field, sentences)
        return cleaned


@admin.register(Schedule)
class SchedulePages(LookOnly):
    """Switched off rather than deleted: the release brings some along, and they would be missed by it."""

    form = ScheduleForm
    list_display = ("name", "words", "zone", "enabled", "next_time", "last_at", "last_outcome")
    list_filter = ("enabled", "chore")
    fields = (
        *("name", "chore", "cron", "words", "zone", "enabled", "bot", "text"),
        *("next_times", "last_at", "last_outcome"),
    )
    readonly_fields = ("words", "next_times", "last_at", "last_outcome")
    actions = ("run_now",)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("messaging.operate")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_operate_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Schedule | None = None) -> bool:
        return self.has_operate_permission(request)

    def save_model(self, request: HttpRequest, obj: Schedule, form: Any, change: bool) -> None:
        save_schedule(schedule=obj)

    @admin.display(description="in words")
    def words(self, schedule: Schedule) -> str:
        return in_words(schedule.cron) if schedule.cron else ""

    @admin.display(description="next", ordering="next_at")
    def next_time(self, schedule: Schedule) -> str:
        return next(iter(_next_times(schedule)), "")

    @admin.display(description="next times")
    def next_times(self, schedule: Schedule) -> str:
        return "\n".join(_next_times(schedule))

    @admin.action(description="Run now", permissions=["operate"])
    def run_now(self, request: HttpRequest, rows: QuerySet[Schedule]) -> None:
        self.do_to_each(request, rows, lambda row: run_schedule_now(schedule=row), "Done.")


def _next_times(schedule: Schedule) -> list[str]:
    """By the clocks of its zone, which is named."""
    if not schedule.enabled or not schedule.cron:
        return []
    try:
        zone = zone_named(schedule.zone)
    except Invalid as error:
        return [error.sentence]
    times = islice(times_of(schedule.cron, schedule.zone, after=timezone.now()), SHOWN_TIMES)
    return [f"{time.astimezone(zone):%A %d %B %Y, %H:%M} {schedule.zone}" for time in times]
