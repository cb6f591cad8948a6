"""Terms and privacy in the admin: a new text is published, an old one stays as it was; and who has accepted what."""

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from messaging.actions.terms import MAX_LENGTH, publish_terms
from messaging.admin.base import LookOnly, shortened
from messaging.models import Acceptance, TermsText, User
from messaging.queries.terms import LANGUAGE, Kind, terms_in_force

if TYPE_CHECKING:
    TermsFormBase = forms.ModelForm[TermsText]
else:
    TermsFormBase = forms.ModelForm


class TermsForm(TermsFormBase):
    language = forms.RegexField(
        r"^[a-z]{2,3}(-[a-z0-9]{2,8})*$", initial=LANGUAGE, help_text="Such as en, de or pt-br."
    )
    text = forms.CharField(
        max_length=MAX_LENGTH,
        widget=forms.Textarea(attrs={"rows": 30, "cols": 100}),
        help_text="Blank lines part paragraphs; a line that begins with “# ” is a heading.",
    )
    ask_again = forms.BooleanField(
        required=False,
        initial=True,
        help_text="As a new version, which everybody is asked to accept at their next visit. Without it, this corrects "
        "or translates the version that is in force.",
    )

    class Meta:
        model = TermsText
        fields = ("kind", "language", "text")


@admin.register(TermsText)
class TermsPages(LookOnly):
    """Nothing is edited in place: people have accepted what it said."""

    form = TermsForm
    list_display = ("kind", "version", "language", "published_at", "published_by", "beginning")
    list_filter = ("kind", "language")
    list_select_related = ("published_by",)
    ordering = ("-pk",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("messaging.add_termstext")

    def get_fields(self, request: HttpRequest, obj: TermsText | None = None) -> Any:
        adding = ("kind", "language", "text", "ask_again")
        return adding if obj is None else super().get_fields(request, obj)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The text in force, to be changed: `?kind=privacy` for the other one."""
        asked = super().get_changeform_initial_data(request)
        kind: Kind = "privacy" if asked.get("kind") == "privacy" else "terms"
        text = terms_in_force(kind, [str(asked.get("language", LANGUAGE))]).text
        return {"kind": kind, "text": text, **asked}

    def save_model(self, request: HttpRequest, obj: TermsText, form: Any, change: bool) -> None:
        data = form.cleaned_data
        user = cast(User, request.user)
        row = publish_terms(
            user=user,
            kind=data["kind"],
            language=data["language"],
            text=data["text"],
            ask_again=data["ask_again"],
        )
        obj.pk, obj.version = row.pk, row.version

    @admin.display(description="text")
    def beginning(self, row: TermsText) -> str:
        return shortened(row.text)


@admin.register(Acceptance)
class AcceptancePages(LookOnly):
    list_display = ("user", "kind", "version", "accepted_at", "door")
    list_filter = ("kind", "version", "door")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    date_hierarchy = "accepted_at"
