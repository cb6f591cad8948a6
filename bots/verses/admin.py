"""The verse bot in the admin: the collection is edited there; readers and what they do are looked at."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from pydantic import ValidationError

from bots.verses.actions.collection import delete_verses, save_verse
from bots.verses.formats import NewVerse
from bots.verses.models import Action, Author, DailyVerse, Favourite, Reader, Verse
from messaging.admin.base import LookOnly, shortened
from messaging.errors import Conflict

if TYPE_CHECKING:
    VerseFormBase = forms.ModelForm[Verse]
else:
    VerseFormBase = forms.ModelForm


class VerseForm(VerseFormBase):
    """A verse with its author's name, checked as an imported one is."""

    author_name = forms.CharField(
        label="Author", max_length=100, help_text="“Ada Amberley”, or “Amberley, Ada”: found under A."
    )

    class Meta:
        model = Verse
        fields = ("title", "year", "language", "text", "source")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.fields["author_name"].initial = self.instance.author.name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        try:
            cleaned["new"] = new = NewVerse.model_validate({**cleaned, "author": cleaned["author_name"]})
        except ValidationError as error:
            for each in error.errors(include_url=False):
                self.add_error(None, f"{each['loc'][0]}: {each['msg']}")
        else:
            if Verse.objects.filter(digest=new.digest).exclude(pk=self.instance.pk).exists():
                self.add_error(None, Conflict("This verse is in the collection already.").sentence)
        return cleaned


@admin.register(Verse)
class VersePages(LookOnly):
    form = VerseForm
    list_display = ("title", "author", "year", "language", "beginning", "kept")
    list_filter = ("language", "author__letter")
    list_select_related = ("author",)
    search_fields = ("title", "author__name", "text")
    fields = ("author_name", "title", "year", "language", "text", "source")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Verse]:
        rows: QuerySet[Verse] = super().get_queryset(request)
        return rows.annotate(times_kept=Count("favourites"))

    @admin.display(description="text")
    def beginning(self, verse: Verse) -> str:
        return shortened(verse.text)

    @admin.display(description="favourite of", ordering="times_kept")
    def kept(self, verse: Any) -> int:
        return int(verse.times_kept)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("messaging.operate")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("messaging.operate")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("messaging.operate")

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Verse:
        return save_verse(verse=form.instance if change else None, new=form.cleaned_data["new"])

    def save_model(self, request: HttpRequest, obj: Verse, form: Any, change: bool) -> None:
        """It has been saved with its author."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """It has no others."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, set[str], Any]:
        """Favourites go along, though nobody deletes them by hand."""
        deleted, counts, _, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, set(), protected

    def delete_model(self, request: HttpRequest, obj: Verse) -> None:
        delete_verses(verses=[obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Verse]) -> None:
        delete_verses(verses=queryset.values_list("pk", flat=True))


@admin.register(Author)
class AuthorPages(LookOnly):
    list_display = ("name", "surname", "letter")
    list_filter = ("letter",)
    search_fields = ("name",)


@admin.register(Reader)
class ReaderPages(LookOnly):
    list_display = ("contact", "platform", "hour", "due_at", "heard_at", "passed_over_at", "passed_over")
    list_select_related = ("contact__user",)
    list_filter = ("contact__platform",)

    @admin.display(ordering="contact__platform")
    def platform(self, reader: Reader) -> str:
        return reader.contact.platform

    @admin.display(ordering="contact__heard_at", description="last heard")
    def heard_at(self, reader: Reader) -> Any:
        return reader.contact.heard_at


@admin.register(Favourite)
class FavouritePages(LookOnly):
    list_display = ("contact", "verse", "added_at")
    list_select_related = ("contact__user", "verse__author")


@admin.register(DailyVerse)
class DailyVersePages(LookOnly):
    list_display = ("day", "person", "verse", "sent_at")
    list_select_related = ("verse__author",)
    date_hierarchy = "day"


@admin.register(Action)
class ActionPages(LookOnly):
    """The action log: which command or button, never anybody's words."""

    list_display = ("at", "contact", "name")
    list_select_related = ("contact__user",)
    list_filter = ("name",)
    date_hierarchy = "at"
    ordering = ("-pk",)
