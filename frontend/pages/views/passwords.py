"""Passwords: changed by whoever knows the old one, and reset by whoever reads the account's mail."""

from http import HTTPStatus
from typing import Any

from django.contrib import auth
from django.contrib import messages as notices
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy

from frontend.pages.errors import status_of
from frontend.pages.forms import AskForResetForm, PasswordForm, ResetPasswordForm, add_refusal, status_of_form
from frontend.pages.visitor import PersonRequest, address_of, signed_in
from messaging.actions import accounts
from messaging.errors import Invalid, ParleyError, TooMany


@signed_in
def change(request: PersonRequest) -> HttpResponse:
    user, form = request.user, PasswordForm(request.POST if request.method == "POST" else None)
    status = status_of_form(form)
    if form.is_bound and form.is_valid():
        try:
            accounts.require_password(
                user=user, password=form.cleaned_data["current_password"], address=address_of(request)
            )
            accounts.change_password(user=user, password=form.cleaned_data["new_password"])
        except ParleyError as refusal:
            add_refusal(form, refusal)
            status = status_of(refusal)
        else:
            # The session that asked goes on; all others have ended with the old password.
            auth.update_session_auth_hash(request, user)
            notices.success(
                request, "Your password has been changed. All your other devices have been signed out."
            )
            return redirect("pages:account")
    return render(request, "pages/password_change.html", {"form": form}, status=status)


def ask_for_reset(request: HttpRequest) -> HttpResponse:
    """Tells nobody whether there is such a person."""
    form = AskForResetForm(request.POST if request.method == "POST" else None)
    status = status_of_form(form)
    if form.is_bound and form.is_valid():
        try:
            accounts.mail_password_reset(email=form.cleaned_data["email"], address=address_of(request))
        except TooMany as refusal:
            add_refusal(form, refusal)
            status = status_of(refusal)
        else:
            return redirect("pages:password-reset-sent")
    return render(request, "pages/password_reset.html", {"form": form}, status=status)


def reset_sent(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/password_reset_sent.html")


class Reset(PasswordResetConfirmView):
    """Django's: takes the token out of the address into the session before it shows the form."""

    template_name = "pages/password_reset_confirm.html"
    form_class = ResetPasswordForm
    success_url = reverse_lazy("pages:log-in")

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            response = super().form_valid(form)
        except Invalid as refusal:
            form.add_error("new_password1", refusal.facts["fields"]["new_password"])
            return self.form_invalid(form)
        notices.success(self.request, "Your password has been changed. Log in with the new one.")
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        response = super().form_invalid(form)
        response.status_code = HTTPStatus.BAD_REQUEST
        return response
