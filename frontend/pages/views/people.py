"""The people here, to be found by name and talked to."""

from django.http import HttpResponse
from django.shortcuts import render

from frontend.pages.forms import SearchForm
from frontend.pages.visitor import PersonRequest, signed_in
from messaging.errors import Invalid
from messaging.queries.users import active_thread_uri, people_matching

LISTED = 40


@signed_in
def people(request: PersonRequest) -> HttpResponse:
    form = SearchForm(request.GET)
    if not form.is_valid():
        raise Invalid("There cannot be such a name.")
    page = people_matching(form.cleaned_data["q"], after=form.cleaned_data["after"], limit=LISTED)
    context = {
        "form": form,
        "people": page.users,
        "after": page.next,
        "active_thread": active_thread_uri(request.user),
    }
    return render(request, "pages/people.html", context)
