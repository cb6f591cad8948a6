"""Invitations in the admin: made, with a link that is shown once; counted; revoked."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from messaging.actions.invitations import LONGEST, invite, revoke_invitation
from messaging.admin.base import LookOnly
from messaging.models import Invitation, User

if TYPE_CHECKING:
    InvitationFormBase = forms.ModelForm[Invitation]
else:
    InvitationFormBase = forms.ModelForm


class InvitationForm(InvitationFormBase):
    days = forms.IntegerField(min_value=1, max_value=LONGEST.days, initial=7, help_text="How long it holds.")
    most = forms.IntegerField(
        min_value=1,
        max_value=1_000_000,
        required=False,
        label="People",
        help_text="At most; empty: no limit.",
    )

    class Meta:
        model = Invitation
        fields = ("note", "most")


@admin.register(Invitation)
class InvitationPages(LookOnly):
    form = InvitationForm
    list_display = ("id", "note", "made_by", "created_at", "expires_at", "used", "most", "revoked_at")
    list_filter = ("revoked_at",)
    list_select_related = ("made_by",)
    exclude = ("digest",)
    actions = ("revoke",)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("messaging.operate")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_operate_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_operate_permission(request)

    def get_fields(self, request: HttpRequest, obj: Invitation | None = None) -> Any:
        return ("note", "days", "most") if obj is None else super().get_fields(request, obj)

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        made, link = invite(
            operator=cast(User, request.user),
            lasts=timedelta(days=form.cleaned_data["days"]),
            most=form.cleaned_data["most"],
            note=form.cleaned_data["note"],
        )
        obj.pk = made.pk
        self.message_user(request, f"{made}: {link} is shown this once.")

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The action has written it down."""

    @admin.action(description="Revoke: nobody comes by it any more", permissions=["operate"])
    def revoke(self, request: HttpRequest, rows: QuerySet[Invitation]) -> None:
        operator = cast(User, request.user)
        self.do_to_each(
            request,
            rows,
            lambda row: revoke_invitation(operator=operator, invitation=row.pk),
            "Revoked.",
            notes_itself=True,
        )
