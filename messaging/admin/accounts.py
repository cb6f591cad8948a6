"""Accounts and what they sign in with, in the admin."""

from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from messaging.actions.accounts import (
    change_password,
    change_profile,
    change_rights,
    delete_account,
    reinstate_user,
    suspend_user,
)
from messaging.actions.devices import revoke_device
from messaging.actions.second_factor import forget_second_factor
from messaging.admin.base import LookOnly
from messaging.admin.writing import write_to
from messaging.errors import ParleyError
from messaging.models import LoginFailure, PageSession, Ticket, Token, User

if TYPE_CHECKING:
    PasswordForm = AdminPasswordChangeForm[User]
    AnyUserAdmin = UserAdmin[User]
else:
    PasswordForm = AdminPasswordChangeForm
    AnyUserAdmin = UserAdmin

# Their pages show secrets.
admin.site.unregister([StaticDevice, TOTPDevice])

RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


class NewPasswordForm(PasswordForm):
    """Sets a password by the action, which signs the person's devices out."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("usable_password", None)

    def save(self, commit: bool = True) -> User:
        change_password(user=self.user, password=self.cleaned_data["password1"])
        return self.user


@admin.register(User)
class UserPages(LookOnly, AnyUserAdmin):
    """People are suspended or anonymised, never deleted: what they said stays."""

    change_password_form = NewPasswordForm
    list_display = ("username", "email", "is_active", "is_staff", "is_bot", "date_joined")
    list_filter = ("is_active", "is_bot", "is_staff", "is_superuser", "deleted_at")
    fieldsets = (
        (None, {"fields": ("username", "password", "email", "first_name", "last_name")}),
        ("Rights", {"fields": RIGHTS}),
        (
            "State",
            {
                "fields": (
                    "is_active",
                    "is_bot",
                    "suspended_at",
                    "deleted_at",
                    "second_factor_at",
                    "date_joined",
                    "last_login",
                )
            },
        ),
    )
    actions = ("write", "suspend", "reinstate", "forget_second_factor", "anonymise")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Whoever may change people; superusers are changed by superusers only, the deleted by nobody."""
        if not request.user.has_perm("messaging.change_user"):
            return False
        if obj is None:
            return True
        return obj.deleted_at is None and (not obj.is_superuser or request.user.is_superuser)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        state = (
            "is_active",
            "is_bot",
            "suspended_at",
            "deleted_at",
            "second_factor_at",
            "date_joined",
            "last_login",
        )
        return state if request.user.is_superuser else (*state, *RIGHTS)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Django's view without its transaction: our actions are durable, so they commit by themselves."""
        view: Any = self
        try:
            response: HttpResponse = view._changeform_view(request, object_id, form_url, extra_context)  # noqa: SLF001
        except ParleyError as error:
            self.message_user(request, error.sentence, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return response

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        changed = set(form.changed_data) & {"username", "email", "first_name", "last_name"}
        if changed:
            change_profile(user=obj, **{name: form.cleaned_data[name] for name in changed})

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        if request.user.is_superuser and set(form.changed_data) & set(RIGHTS):
            wanted = form.cleaned_data
            change_rights(
                user=form.instance,
                is_staff=wanted["is_staff"],
                is_superuser=wanted["is_superuser"],
                groups=wanted["groups"],
                permissions=wanted["user_permissions"],
            )

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("messaging.operate")

    def has_anonymise_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("messaging.delete_user")

    @admin.action(description="Have a bot write to them", permissions=["operate"])
    def write(self, request: HttpRequest, rows: QuerySet[User]) -> HttpResponse:
        people = rows.filter(is_active=True, is_bot=False)
        return write_to(self, request, users=list(people.values_list("pk", flat=True)))

    @admin.action(description="Suspend: silence at once, everywhere", permissions=["operate"])
    def suspend(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        operator = cast(User, request.user)
        self.do_to_each(
            request,
            rows,
            lambda user: suspend_user(operator=operator, user=user),
            "Suspended.",
            notes_itself=True,
        )

    @admin.action(description="Reinstate after a suspension", permissions=["operate"])
    def reinstate(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        operator = cast(User, request.user)
        self.do_to_each(
            request,
            rows,
            lambda user: reinstate_user(operator=operator, user=user),
            "Reinstated.",
            notes_itself=True,
        )

    def has_superuser_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    @admin.action(
        description="Forget the second factor: for who has lost phone and codes", permissions=["superuser"]
    )
    def forget_second_factor(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        self.do_to_each(request, rows, lambda user: forget_second_factor(user=user), "Forgotten.")

    @admin.action(description="Anonymise: delete the account for good", permissions=["anonymise"])
    def anonymise(self, request: HttpRequest, rows: QuerySet[User]) -> HttpResponse | None:
        rows = rows.filter(deleted_at__isnull=True)
        if not request.user.is_superuser:
            rows = rows.filter(is_superuser=False)
        question = (
            "Their names, addresses and passwords go for good. What they have said stays, by “deleted user”."
        )
        if page := self.confirmation(request, rows, action="anonymise", question=question):
            return page
        self.do_to_each(request, rows, lambda user: delete_account(user=user), "Anonymised.")
        return None


class DevicePages(LookOnly):
    list_select_related = ("user",)
    search_fields = ("user__username",)
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"messaging.delete_{self.opts.model_name}")

    @admin.action(description="Sign these devices out", permissions=["revoke"])
    def revoke(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        self.do_to_each(
            request,
            rows.select_related("user"),
            lambda row: revoke_device(user=row.user, device_id=row.id),
            "Signed out.",
        )


@admin.register(Token)
class TokenPages(DevicePages):
    list_display = ("token_key", "name", "user", "created", "seen_at", "expiry")
    exclude = ("digest",)


@admin.register(PageSession)
class PageSessionPages(DevicePages):
    list_display = ("id", "name", "user", "created_at", "seen_at")
    exclude = ("session_key",)


@admin.register(Ticket)
class TicketPages(LookOnly):
    list_display = ("user", "origin", "expires_at")
    list_select_related = ("user",)
    exclude = ("digest", "origin_key")


@admin.register(LoginFailure)
class LoginFailurePages(LookOnly):
    list_display = ("key", "at")
    search_fields = ("key",)
    date_hierarchy = "at"
