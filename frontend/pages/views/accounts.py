"""Accounts: signing up, in and out, the profile, and the end of an account."""

from http import HTTPStatus

from django.contrib import auth
from django.contrib import messages as notices
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from frontend.pages.errors import not_a_page, status_of
from frontend.pages.forms import (
    DeleteAccountForm,
    LogInForm,
    ProfileForm,
    SignUpForm,
    add_refusal,
    status_of_form,
)
from frontend.pages.visitor import PersonRequest, address_of, own_address, signed_in, visitor
from messaging.actions import accounts
from messaging.actions.devices import end_page_session
from messaging.errors import ParleyError
from messaging.queries.contacts import linked_contacts, ways_to_bots
from messaging.queries.devices import device_of_session
from messaging.queries.terms import versions_in_force
from messaging.queries.users import active_thread_uri


def sign_up(request: HttpRequest) -> HttpResponse:
    if visitor(request) is not None:
        return _onwards(request)
    now = versions_in_force()
    initial = {
        "invitation": request.GET.get("invitation", ""),
        "terms_version": now.terms,
        "privacy_version": now.privacy,
    }
    form = SignUpForm(request.POST if request.method == "POST" else None, initial=initial)
    if not form.is_bound or not form.is_valid():
        return _entrance(request, form, status_of_form(form))
    username, password = form.cleaned_data["username"], form.cleaned_data["password"]
    try:
        user = accounts.sign_up(address=address_of(request), door="page", **form.cleaned_data)
    except ParleyError as refusal:
        if refusal.code == "username_taken" and _signed_in_as(request, username, password):
            return _onwards(request)
        add_refusal(form, refusal)
        return _entrance(request, form, status_of(refusal))
    auth.login(request, user)
    notices.success(request, f"Welcome, {user.username}.")
    return _onwards(request)


def _signed_in_as(request: HttpRequest, username: str, password: str) -> bool:
    """Signs in whoever signs up with the name and password of their account: a button pressed twice does."""
    try:
        user = accounts.log_in(identifier=username, password=password, address=address_of(request))
    except ParleyError:
        return False
    auth.login(request, user)
    return True


def log_in(request: HttpRequest) -> HttpResponse:
    if visitor(request) is not None:
        return _onwards(request)
    form = LogInForm(request.POST if request.method == "POST" else None)
    if not form.is_bound or not form.is_valid():
        return _entrance(request, form, status_of_form(form))
    try:
        user = accounts.log_in(address=address_of(request), **form.cleaned_data)
    except ParleyError as refusal:
        add_refusal(form, refusal)
        return _entrance(request, form, status_of(refusal))
    auth.login(request, user)
    return _onwards(request)


def _entrance(request: HttpRequest, form: Form, status: int) -> HttpResponse:
    """The page that signs up or in; `next` is where it leads on to."""
    template = "pages/sign_up.html" if isinstance(form, SignUpForm) else "pages/log_in.html"
    return render(request, template, {"form": form, "next": _next(request)}, status=status)


def _next(request: HttpRequest) -> str:
    return own_address(request, request.POST.get("next") or request.GET.get("next", ""))


def _onwards(request: HttpRequest) -> HttpResponse:
    """Straight to the thread that the person is in; else to where they wanted to go."""
    user = visitor(request)
    thread = active_thread_uri(user) if user else None
    return redirect("pages:thread", thread) if thread else redirect(_next(request))


def log_out(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return not_a_page(request)
    user, device_id = visitor(request), device_of_session(request.session)
    auth.logout(request)
    if user is not None:
        end_page_session(user=user, device_id=device_id)
    return redirect("pages:feed")


@signed_in
def account(request: PersonRequest) -> HttpResponse:
    return _account(request)


@signed_in
def profile(request: PersonRequest) -> HttpResponse:
    if request.method != "POST":
        return redirect("pages:account")
    form, status = ProfileForm(request.POST), HTTPStatus.BAD_REQUEST
    if form.is_valid():
        try:
            _change_profile(request, **form.cleaned_data)
        except ParleyError as refusal:
            request.user.refresh_from_db()
            add_refusal(form, refusal)
            status = status_of(refusal)
        else:
            notices.success(request, "Your profile has been saved.")
            return redirect("pages:account")
    return _account(request, profile_form=form, status=status)


def _change_profile(request: PersonRequest, *, current_password: str, **fields: str) -> None:
    user = request.user
    if (fields["username"], fields["email"]) != (user.username, user.email):
        accounts.require_password(user=user, password=current_password, address=address_of(request))
    accounts.change_profile(user=user, **fields)


@signed_in
def delete(request: PersonRequest) -> HttpResponse:
    if request.method != "POST":
        return redirect("pages:account")
    user, form = request.user, DeleteAccountForm(request.POST)
    if not form.is_valid():
        return _account(request, delete_form=form, status=HTTPStatus.BAD_REQUEST)
    password = form.cleaned_data["current_password"]
    try:
        accounts.require_password(user=user, password=password, address=address_of(request))
    except ParleyError as refusal:
        add_refusal(form, refusal)
        return _account(request, delete_form=form, status=status_of(refusal))
    accounts.delete_account(user=user)
    auth.logout(request)
    notices.success(request, "Your account has been deleted. What you said stays, by a deleted user.")
    return redirect("pages:feed")


def _account(
    request: PersonRequest,
    *,
    profile_form: ProfileForm | None = None,
    delete_form: DeleteAccountForm | None = None,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    user = request.user
    present = {name: getattr(user, name) for name in ("username", "email", "first_name", "last_name")}
    context = {
        "profile_form": profile_form or ProfileForm(initial=present),
        "delete_form": delete_form or DeleteAccountForm(auto_id="id_delete_%s"),
        "contacts": linked_contacts(user),
        "can_link": bool(ways_to_bots("")),
    }
    return render(request, "pages/account.html", context, status=status)
