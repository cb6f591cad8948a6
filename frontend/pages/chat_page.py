"""A page with messages, as the feed, threads and rooms have it: shown from the log, and taking a post."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse

from frontend.pages.errors import answer, status_of
from frontend.pages.forms import MessageForm, PageForm, add_refusal, new_client_id
from frontend.pages.visitor import visitor
from messaging.access import Access
from messaging.actions import messages as actions
from messaging.errors import Conflict, Invalid, NotFound, ParleyError, Unauthorized
from messaging.events import Message, Person
from messaging.queries import chats
from messaging.queries.messages import MessagePage, messages_of
from messaging.shapes import person

if TYPE_CHECKING:
    from django.contrib.auth.models import _User

FEED = "feed"
CONTACT = "contact"
PAGE_LENGTH = 50

BLANK = Message(
    id=0,
    number=0,
    seq=0,
    author=Person(id=0, username=""),
    text="",
    created_at=datetime(1970, 1, 1, tzinfo=UTC),
)
"""What the scripts' template of a message is rendered with."""


def page_of(kind: str, uri: str) -> str:
    """The address of a chat's own page."""
    if kind == FEED:
        return reverse("pages:feed")
    if kind == CONTACT:
        raise NotFound("There is no page of that chat.")
    return reverse(f"pages:{kind}", args=[uri])


def access_to_page(request: HttpRequest, uri: str, kind: str) -> Access:
    """What the visitor may do in the chat. Raises `NotFound` also for a chat of another kind."""
    access = chats.access_to_uri(uri, visitor(request))
    if access.chat.kind != kind:
        raise NotFound("There is no such chat.")
    return access


def show(
    request: HttpRequest,
    access: Access,
    *,
    form: MessageForm | None = None,
    status: int = HTTPStatus.OK,
    **extra: Any,
) -> HttpResponse:
    """The chat's page, for somebody who may read it."""
    bounds = PageForm(request.GET)
    if not bounds.is_valid():
        raise Invalid("There is no such page of messages.")
    page = messages_of(access, **bounds.cleaned_data, limit=PAGE_LENGTH)
    chat, user = access.chat, access.user
    marks = chats.read_marks([chat])[chat.pk]
    me = person(user) if user else None
    writable = user is not None and access.reads and chat.state == chat.State.ACTIVE
    address = page_of(chat.kind, chat.uri)
    context = {
        "chat": chat,
        "page": page,
        "address": address,
        "form": form or MessageForm(),
        "writable": writable,
        "me": me,
        "is_operator": user is not None and user.is_operator,
        "seen_by": _seen_by(page, marks, user),
        "blank": BLANK,
        "live": {
            "uri": chat.uri,
            "kind": chat.kind,
            "address": address,
            "me": me.model_dump(mode="json") if me else None,
            "operator": user is not None and user.is_operator,
            "writable": writable,
            "page": page.model_dump(mode="json"),
            "marks": marks,
        },
        **extra,
    }
    return render(request, f"pages/{chat.kind}.html", context, status=status)


def _seen_by(page: MessagePage, marks: dict[int, int], user: "_User | None") -> int:
    """How many others have read the last message, if that is one's own."""
    last = page.messages[-1] if page.messages and not page.has_newer else None
    if user is None or last is None or last.author.id != user.pk:
        return 0
    return sum(number >= last.number for reader, number in marks.items() if reader != user.pk)


def post(request: HttpRequest, access: Access, **extra: Any) -> HttpResponse:
    """Posts what the form says and leads back to the page; shows the page with the form if that was refused."""
    form = MessageForm(request.POST)
    if not form.is_valid():
        return show(request, access, form=form, status=HTTPStatus.BAD_REQUEST, **extra)
    try:
        if access.user is None:
            raise Unauthorized("You have been signed out. Log in and post it again.")
        actions.post_message(
            user=access.user,
            chat=access.chat.uri,
            text=form.cleaned_data["text"],
            client_id=form.cleaned_data["client_id"] or None,
        )
    except Unauthorized as error:
        return answer(request, error, kept=form.cleaned_data["text"])
    except Conflict as error:
        if error.code != "idempotency_mismatch":
            return answer(request, error, kept=form.cleaned_data["text"])
        return show(request, access, form=_as_new(request.POST), status=HTTPStatus.CONFLICT, **extra)
    except ParleyError as error:
        add_refusal(form, error)
        response = show(request, access, form=form, status=status_of(error), **extra)
        if error.retry_after_s is not None:
            response["Retry-After"] = str(round(error.retry_after_s))
        return response
    return redirect(page_of(access.chat.kind, access.chat.uri))


def _as_new(sent: QueryDict) -> MessageForm:
    """The form again, for another message: its key has posted one before, which somebody came back to and changed."""
    data = sent.copy()
    data["client_id"] = new_client_id()
    form = MessageForm(data)
    form.add_error(
        None, "You have posted this form before, with another text. Post again to post this one too."
    )
    return form
