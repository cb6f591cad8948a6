"""Threads: opened from the list of people, written to, closed, and readable ever after."""

from django.contrib import messages as notices
from django.http import HttpResponse
from django.shortcuts import redirect

from frontend.pages import chat_page
from frontend.pages.errors import not_a_page
from frontend.pages.forms import PersonForm
from frontend.pages.visitor import PersonRequest, page_before, signed_in
from messaging.actions.threads import close_thread, open_thread
from messaging.errors import Conflict, NotFound
from messaging.queries.chats import chat_summary


@signed_in
def open_with(request: PersonRequest) -> HttpResponse:
    if request.method != "POST":
        return redirect("pages:people")
    form = PersonForm(request.POST)
    if not form.is_valid():
        raise NotFound("There is nobody of that name.")
    try:
        chat, _ = open_thread(user=request.user, username=form.cleaned_data["username"])
    except Conflict as refusal:
        notices.warning(request, _refusal(refusal))
        if refusal.code == "thread_active":
            return redirect("pages:thread", refusal.facts["uri"])
        return redirect(page_before(request))
    return redirect("pages:thread", chat.uri)


def _refusal(refusal: Conflict) -> str:
    if refusal.code == "thread_active":
        return "You are still in this thread: close it before you open another one."
    if refusal.code == "thread_cooling":
        minutes = -(-refusal.facts["retry_after_s"] // 60)
        return f"{refusal.sentence} You can open a new one in {minutes} minute{'s' if minutes > 1 else ''}."
    return refusal.sentence


@signed_in
def thread(request: PersonRequest, uri: str) -> HttpResponse:
    access = chat_page.access_to_page(request, uri, "thread")
    summary = chat_summary(access)
    other = next(person for person in summary.members if person.id != request.user.pk)
    if request.method == "POST":
        return chat_page.post(request, access, chat=summary, other=other)
    return chat_page.show(request, access, chat=summary, other=other)


@signed_in
def close(request: PersonRequest, uri: str) -> HttpResponse:
    if request.method != "POST":
        return not_a_page(request)
    close_thread(user=request.user, chat=uri)
    return redirect("pages:thread", uri)
