"""The terms and the privacy text; and asking whoever is signed in to accept a new version."""

from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.deprecation import MiddlewareMixin
from django.utils.http import urlencode
from django.utils.translation.trans_real import parse_accept_lang_header

from frontend.pages.errors import status_of
from frontend.pages.forms import AcceptTermsForm, add_refusal, status_of_form
from frontend.pages.policy import is_ours
from frontend.pages.visitor import PersonRequest, own_address, signed_in, visitor
from messaging.actions.terms import accept_terms
from messaging.errors import ParleyError
from messaging.queries.terms import Kind, Terms, has_still_to_accept, terms_in_force

# Whoever does not agree may look at what there is to agree to, leave, and take their things along.
ALWAYS_OPEN = {
    *("terms", "privacy", "terms-accept", "log-out", "app", "app-worker", "live-check"),
    *("account", "account-delete", "devices", "devices-revoke-others", "device-revoke"),
}


TITLES: dict[Kind, str] = {"terms": "Terms", "privacy": "Privacy"}


def languages_of(request: HttpRequest) -> list[str]:
    """The reader's, the dearest first."""
    return [language for language, _ in parse_accept_lang_header(request.headers.get("Accept-Language", ""))]


def terms(request: HttpRequest) -> HttpResponse:
    return _text(request, "terms")


def privacy(request: HttpRequest) -> HttpResponse:
    return _text(request, "privacy")


def _text(request: HttpRequest, kind: Kind) -> HttpResponse:
    shown = terms_in_force(kind, languages_of(request))
    response = render(
        request, "pages/terms.html", {"title": TITLES[kind], "shown": shown, "parts": parts_of(shown)}
    )
    response["Vary"] = ", ".join(filter(None, [response.get("Vary"), "Accept-Language"]))
    return response


def parts_of(shown: Terms) -> list[tuple[str, str]]:
    """Headings and paragraphs, as pairs of what they are and what they say."""
    parts: list[tuple[str, str]] = []
    for line in shown.text.splitlines():
        if line.startswith("# "):
            parts.append(("heading", line.removeprefix("# ").strip()))
        elif line.strip():
            parts.append(("paragraph", line.strip()))
    return parts


@signed_in
def accept(request: PersonRequest) -> HttpResponse:
    """Asks; what was to be done meanwhile has been done, and leads on from here."""
    onwards = own_address(request, request.POST.get("next") or request.GET.get("next", ""))
    languages = languages_of(request)
    texts = [terms_in_force("terms", languages), terms_in_force("privacy", languages)]
    now = {f"{each.kind}_version": each.version for each in texts}
    form = AcceptTermsForm(request.POST if request.method == "POST" else None, initial=now)
    status = status_of_form(form)
    if form.is_bound and form.is_valid():
        versions = form.cleaned_data
        try:
            accept_terms(
                user=request.user,
                terms=versions["terms_version"],
                privacy=versions["privacy_version"],
                door="page",
            )
        except ParleyError as refusal:
            add_refusal(form, refusal)
            status = status_of(refusal)
        else:
            return redirect(onwards)
    told = [(TITLES[each.kind], each, parts_of(each)) for each in texts]
    context = {"form": form, "next": onwards, "texts": told}
    return render(request, "pages/terms_accept.html", context, status=status)


class TermsMiddleware(MiddlewareMixin):
    """Leads whoever has still to accept something to where they are asked, when they look at a page. What they send
    is taken as ever: nothing that they have written is lost by it.
    """

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        match = request.resolver_match
        if request.method != "GET" or match is None or not is_ours(request) or match.url_name in ALWAYS_OPEN:
            return None
        try:
            user = visitor(request)
            if user is None or not has_still_to_accept(user):
                return None
        except (DatabaseError, InterfaceError):
            return None  # the view says so better
        return redirect(f"/terms/accept/?{urlencode({'next': request.get_full_path()})}")
