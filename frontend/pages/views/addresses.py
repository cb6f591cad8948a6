"""E-mail addresses: confirmed by whoever follows the link that was mailed there."""

from http import HTTPStatus

from django.contrib import messages as notices
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from frontend.pages.errors import not_a_page, status_of
from frontend.pages.visitor import PersonRequest, signed_in
from messaging.actions import addresses
from messaging.errors import ParleyError


def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Opening the page only asks, since mail programs open links by themselves; the button confirms."""
    status, refused = HTTPStatus.OK, ""
    if request.method == "POST":
        try:
            user = addresses.confirm_address(token=token)
        except ParleyError as refusal:
            status, refused = status_of(refusal), refusal.sentence
        else:
            notices.success(request, f"{user.email} is confirmed.")
            return redirect("pages:feed")
    return render(request, "pages/address_confirm.html", {"refused": refused}, status=status)


@signed_in
def mail_again(request: PersonRequest) -> HttpResponse:
    if request.method != "POST":
        return not_a_page(request)
    addresses.mail_confirmation_again(user=request.user)
    notices.success(request, f"A link has been mailed to {request.user.email}.")
    return redirect("pages:account")
