"""One message: where it stands, and its author's changes to it."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from frontend.pages.chat_page import page_of
from frontend.pages.errors import not_a_page, status_of
from frontend.pages.forms import EditForm, add_refusal
from frontend.pages.visitor import PersonRequest, signed_in, visitor
from messaging import shapes
from messaging.actions.messages import delete_message, edit_message, press_button
from messaging.errors import Conflict, Forbidden, Invalid
from messaging.queries.chats import readable
from messaging.queries.messages import message_numbered


def message(request: HttpRequest, uri: str, number: int) -> HttpResponse:
    """Leads to the message among those around it."""
    access = readable(uri, visitor(request))
    found = message_numbered(access, number)
    return redirect(f"{page_of(access.chat.kind, uri)}?around={found.number}#m{found.number}")


@signed_in
def edit(request: PersonRequest, uri: str, number: int) -> HttpResponse:
    access = readable(uri, request.user)
    found = message_numbered(access, number)
    if found.author_id != request.user.pk:
        raise Forbidden("Only its author may edit a message.")
    if found.deleted_at is not None:
        raise Conflict("The message has been deleted.")
    form = EditForm(request.POST if request.method == "POST" else None, initial={"text": found.text})
    status = HTTPStatus.OK
    if form.is_bound:
        status = HTTPStatus.BAD_REQUEST
        if form.is_valid():
            try:
                edit_message(user=request.user, chat=uri, number=number, text=form.cleaned_data["text"])
            except Invalid as refusal:
                add_refusal(form, refusal)
                status = status_of(refusal)
            else:
                return redirect("pages:message", uri, number)
    context = {"form": form, "message": shapes.message(found), "address": page_of(access.chat.kind, uri)}
    return render(request, "pages/message_edit.html", context, status=status)


@signed_in
def delete(request: PersonRequest, uri: str, number: int) -> HttpResponse:
    if request.method == "POST":
        delete_message(user=request.user, chat=uri, number=number)
        return redirect("pages:message", uri, number)
    access = readable(uri, request.user)
    found = message_numbered(access, number)
    if found.author_id != request.user.pk and not request.user.is_operator:
        raise Forbidden("Only its author may delete a message.")
    context = {"message": shapes.message(found), "address": page_of(access.chat.kind, uri)}
    return render(request, "pages/message_delete.html", context)


@signed_in
def press(request: PersonRequest, uri: str, number: int) -> HttpResponse:
    """A button of a bot's message, pressed without the script."""
    if request.method != "POST":
        return not_a_page(request)
    what = request.POST.get("press", "")
    press_button(user=request.user, chat=uri, number=number, press=what)
    return redirect(page_of(readable(uri, request.user).chat.kind, uri))
