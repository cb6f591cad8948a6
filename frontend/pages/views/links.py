"""Who somebody is on bot platforms: linked by a code that a bot gave them, and unlinked."""

from django.contrib import messages as notices
from django.http import HttpResponse
from django.shortcuts import redirect, render

from frontend.pages.errors import not_a_page
from frontend.pages.visitor import PersonRequest, signed_in
from messaging.actions.contacts import (
    LINK_CODE_S,
    LINK_PREFIX,
    create_link_code,
    link_contact,
    unlink_contact,
)
from messaging.queries.contacts import ways_to_bots


@signed_in
def link(request: PersonRequest, code: str) -> HttpResponse:
    """Asks first: a link that somebody sent must not make their contact yours at a click."""
    if request.method != "POST":
        return render(request, "pages/link.html")
    contact = link_contact(user=request.user, code=code)
    notices.success(request, f"{contact.display_name} on {contact.platform.title()} is you from now on.")
    return redirect("pages:account")


@signed_in
def code(request: PersonRequest) -> HttpResponse:
    """The other way round: a code to take to a bot, shown once."""
    if request.method != "POST":
        return not_a_page(request)
    payload = f"{LINK_PREFIX}{create_link_code(user=request.user)}"
    ways = [(key.partition("/"), url) for key, url in ways_to_bots(payload).items() if url]
    context = {
        "command": f"/start {payload}",
        "minutes": LINK_CODE_S // 60,
        "ways": [(f"{account} on {platform.title()}", url) for (platform, _, account), url in ways],
    }
    return render(request, "pages/link_code.html", context)


@signed_in
def unlink(request: PersonRequest, contact_id: int) -> HttpResponse:
    if request.method != "POST":
        return not_a_page(request)
    unlink_contact(user=request.user, contact=contact_id)
    notices.success(request, "The link has been undone.")
    return redirect("pages:account")
