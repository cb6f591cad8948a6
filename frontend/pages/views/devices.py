"""Where somebody is signed in, and signing out from there."""

from django.contrib import messages as notices
from django.http import HttpResponse
from django.shortcuts import redirect, render

from frontend.pages.errors import not_a_page
from frontend.pages.views.accounts import log_out
from frontend.pages.visitor import PersonRequest, signed_in
from messaging.actions.devices import revoke_device, revoke_other_devices
from messaging.queries.devices import device_of_session, devices_of


@signed_in
def devices(request: PersonRequest) -> HttpResponse:
    current = device_of_session(request.session)
    context = {"devices": devices_of(request.user, current=current)}
    return render(request, "pages/devices.html", context)


@signed_in
def revoke(request: PersonRequest, device_id: str) -> HttpResponse:
    if request.method != "POST":
        return not_a_page(request)
    if device_id == device_of_session(request.session):
        return log_out(request)
    revoke_device(user=request.user, device_id=device_id)
    notices.success(request, "That device has been signed out.")
    return redirect("pages:devices")


@signed_in
def revoke_others(request: PersonRequest) -> HttpResponse:
    if request.method != "POST":
        return not_a_page(request)
    revoke_other_devices(user=request.user, current=device_of_session(request.session))
    notices.success(request, "You are signed in here and nowhere else.")
    return redirect("pages:devices")
