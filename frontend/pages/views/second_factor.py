"""The second factor: set up with a phone, proved, renewed and removed."""

import segno
from django.contrib import auth
from django.contrib import messages as notices
from django.http import HttpResponse
from django.shortcuts import redirect, render

from frontend.pages.errors import not_a_page, status_of
from frontend.pages.forms import DeleteAccountForm, SecondFactorForm, add_refusal
from frontend.pages.visitor import PersonRequest, address_of, signed_in
from messaging.actions import accounts
from messaging.actions import second_factor as actions
from messaging.errors import ParleyError

PasswordOnlyForm = DeleteAccountForm


@signed_in
def second_factor(request: PersonRequest) -> HttpResponse:
    """What there is, and what can be done about it."""
    return _page(request)


@signed_in
def offer(request: PersonRequest) -> HttpResponse:
    """The password first: an open page alone must not lock its owner out."""
    if request.method != "POST":
        return redirect("pages:second-factor")
    form = PasswordOnlyForm(request.POST)
    if form.is_valid():
        try:
            accounts.require_password(
                user=request.user, password=form.cleaned_data["current_password"], address=address_of(request)
            )
            actions.offer_second_factor(user=request.user)
        except ParleyError as refusal:
            add_refusal(form, refusal)
            return _page(request, password_form=form, status=status_of(refusal))
        return redirect("pages:second-factor")
    return _page(request, password_form=form, status=400)


@signed_in
def confirm(request: PersonRequest) -> HttpResponse:
    return _with_code(request, actions.confirm_second_factor, "Every log-in takes a code from now on.")


@signed_in
def renew(request: PersonRequest) -> HttpResponse:
    return _with_code(request, actions.renew_recovery_codes, "Your old recovery codes are worthless now.")


@signed_in
def remove(request: PersonRequest) -> HttpResponse:
    return _with_code(request, actions.remove_second_factor, "The password alone signs you in again.")


def _with_code(request: PersonRequest, action: "actions.WithCode", done: str) -> HttpResponse:
    if request.method != "POST":
        return not_a_page(request)
    form = SecondFactorForm(request.POST)
    if not form.is_valid():
        return _page(request, code_form=form, status=400)
    try:
        codes = accounts.with_code(
            action=action, user=request.user, code=form.cleaned_data["code"], address=address_of(request)
        )
    except ParleyError as refusal:
        add_refusal(form, refusal)
        return _page(request, code_form=form, status=status_of(refusal))
    # The session that asked goes on; all others have ended.
    auth.update_session_auth_hash(request, request.user)
    notices.success(request, done)
    return _page(request, recovery_codes=codes or [])


def _page(
    request: PersonRequest,
    *,
    password_form: PasswordOnlyForm | None = None,
    code_form: SecondFactorForm | None = None,
    recovery_codes: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    offered = actions.offered_second_factor(user=request.user)
    context = {
        "since": request.user.second_factor_at,
        "is_required": request.user.waits_for_second_factor,
        "offered": offered,
        "picture": segno.make(offered.address).svg_data_uri(scale=5, border=4, light="#fff")
        if offered
        else "",
        "password_form": password_form or PasswordOnlyForm(),
        "code_form": code_form or SecondFactorForm(),
        "recovery_codes": recovery_codes,
    }
    return render(request, "pages/second_factor.html", context, status=status)
