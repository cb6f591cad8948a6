"""Writing to selected people from the admin: what is to be said, a preview with how many it reaches, and the decision."""

from collections.abc import Collection
from typing import Any, cast

from django import forms
from django.contrib.admin import ModelAdmin, helpers
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from messaging.actions.broadcasts import draft_broadcast
from messaging.content import MAX_TEXT_LENGTH, Text
from messaging.models import User
from messaging.queries.broadcasts import Progress, cannot_be_written_to, progress_of


class WriteForm(forms.Form):
    bot = forms.ModelChoiceField(
        User.objects.exclude(bot_name="").order_by("bot_name"),
        to_field_name="bot_name",
        empty_label=None,
        help_text="Who says it.",
    )
    text = forms.CharField(max_length=MAX_TEXT_LENGTH, widget=forms.Textarea(attrs={"rows": 8, "cols": 80}))


def write_to(
    page: "ModelAdmin[Any]",
    request: HttpRequest,
    *,
    contacts: Collection[int] = (),
    users: Collection[int] = (),
) -> HttpResponse:
    """Asks for the words; then shows the draft, which its author confirms or declines."""
    form = WriteForm(request.POST if "text" in request.POST else None)
    context: dict[str, Any] = {
        **page.admin_site.each_context(request),
        "title": "Write to selected people",
        "opts": page.opts,
        "form": form,
        "people": len(contacts) + len(users),
        "checkbox": helpers.ACTION_CHECKBOX_NAME,
        "chosen": request.POST.getlist(helpers.ACTION_CHECKBOX_NAME),
        "across": request.POST.get("select_across", "0"),
    }
    if form.is_valid():
        draft = draft_broadcast(
            bot=form.cleaned_data["bot"].bot_name,
            content=Text(text=form.cleaned_data["text"]),
            author=cast(User, request.user),
            contacts=contacts,
            users=users,
        )
        context |= {
            "draft": draft,
            "progress": progress_of([draft.pk]).get(draft.pk, Progress()),
            "refused": cannot_be_written_to(draft.pk),
        }
    return TemplateResponse(request, "admin/messaging/write.html", context)
