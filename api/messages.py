"""`/api/chats/<uri>/messages/`: reading page by page, posting, editing, deleting, pressing what a bot offers."""

from io import BytesIO
from typing import Literal

from django.http import FileResponse
from django.http.response import HttpResponseBase
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from api.resource import (
    Paged,
    Resource,
    SignedInOrFeed,
    body_as,
    idempotency_key,
    query_as,
    reader,
    signed_in,
)
from api.schema import IDEMPOTENCY_KEY, body_of, operation
from messaging.actions.messages import delete_message, edit_message, post_message, press_button
from messaging.commands import EditMessage, Number, PostMessage, PressButton
from messaging.events import Message, Person, Position, Shape
from messaging.queries.chats import readable
from messaging.queries.messages import document_of, message_numbered, messages_of
from messaging.shapes import message


class SaidMessage(Message):
    """A message, and its author and text under the names that older clients read."""

    user: Person
    message: str


class PostedMessage(SaidMessage):
    status: Literal["SUCCESS"] = "SUCCESS"
    uri: str


class MessageHistory(Shape):
    """Messages in the order of their numbers. Subscribe from `position`: it was read before the messages were."""

    id: int
    uri: str
    messages: list[SaidMessage]
    position: Position
    has_older: bool
    has_newer: bool


class MessagesQuery(Paged):
    before: Number | None = Field(default=None, description="Only numbers below this.")
    after: Number | None = Field(default=None, description="Only numbers above this, from the lowest on.")
    around: Number | None = Field(default=None, description="This number in the middle.")


def said(shape: Message) -> SaidMessage:
    return SaidMessage.model_construct(**dict(shape), user=shape.author, message=shape.text)


def posted_answer(shape: Message, uri: str) -> PostedMessage:
    return PostedMessage.model_construct(**dict(said(shape)), uri=uri)


class Messages(Resource):
    permission_classes = [SignedInOrFeed]

    @operation(
        "The newest messages, or those before, after or around a number",
        query=MessagesQuery,
        answers={200: MessageHistory},
        refuses={403: "`not_a_member`", 404: "`not_found`"},
        public=True,
    )
    def get(self, request: Request, uri: str) -> Response:
        query = query_as(request, MessagesQuery)
        access = readable(uri, reader(request))
        page = messages_of(access, **dict(query))
        history = MessageHistory.model_construct(
            id=access.chat.pk,
            uri=access.chat.uri,
            messages=[said(shape) for shape in page.messages],
            position=page.position,
            has_older=page.has_older,
            has_newer=page.has_newer,
        )
        return Response(history)

    @operation(
        "Post a message; once it is answered it is committed",
        description="`message` is taken for `text`. A repeat with the same key gets the first answer and posts nothing.",
        body=body_of(PostMessage, without=["chat"]),
        headers=[IDEMPOTENCY_KEY],
        answers={201: PostedMessage},
        refuses={
            403: "`not_a_member`",
            404: "`not_found`",
            409: "`thread_closed`, `idempotency_mismatch`",
        },
        example={"text": "Good morning", "client_id": "0b6f1c"},
    )
    def post(self, request: Request, uri: str) -> Response:
        user = signed_in(request)
        command = body_as(request, PostMessage, chat=uri, **idempotency_key(request))
        posted = post_message(user=user, **command.model_dump())
        return Response(posted_answer(posted, uri), status=201)


class MessageDetail(Resource):
    permission_classes = [SignedInOrFeed]

    @operation(
        "One message",
        answers={200: SaidMessage},
        refuses={403: "`not_a_member`", 404: "`not_found`, `no_such_message`"},
        public=True,
    )
    def get(self, request: Request, uri: str, number: int) -> Response:
        row = message_numbered(readable(uri, reader(request)), number)
        return Response(said(message(row)))

    @operation(
        "Edit one's message",
        body=body_of(EditMessage, without=["chat", "number"]),
        answers={200: SaidMessage},
        refuses={
            403: "`not_a_member`, `not_the_author`",
            404: "`not_found`, `no_such_message`",
            409: "`thread_closed`, `message_deleted`",
        },
        example={"text": "Good morning!"},
    )
    def patch(self, request: Request, uri: str, number: int) -> Response:
        user = signed_in(request)
        command = body_as(request, EditMessage, chat=uri, number=number)
        return Response(said(edit_message(user=user, **command.model_dump())))

    @operation(
        "Delete one's message, as an operator anybody's: the text goes, that there was one stays",
        answers={200: SaidMessage},
        refuses={
            403: "`not_a_member`, `not_the_author`",
            404: "`not_found`, `no_such_message`",
            409: "`thread_closed`",
        },
    )
    def delete(self, request: Request, uri: str, number: int) -> Response:
        return Response(said(delete_message(user=signed_in(request), chat=uri, number=number)))


class MessagePress(Resource):
    @operation(
        "Press a button of a bot's message, or choose one of its suggested answers",
        body=body_of(PressButton, without=["chat", "number"]),
        headers=[IDEMPOTENCY_KEY],
        answers={204: None},
        refuses={
            403: "`not_a_member`",
            404: "`not_found`, `no_such_message`, `no_such_button`",
            409: "`thread_closed`",
        },
        example={"press": "page:2"},
    )
    def post(self, request: Request, uri: str, number: int) -> Response:
        user = signed_in(request)
        command = body_as(request, PressButton, chat=uri, number=number, **idempotency_key(request))
        press_button(user=user, **command.model_dump())
        return Response(status=204)


class MessageDocument(Resource):
    permission_classes = [SignedInOrFeed]

    @operation(
        "The file that a message is, if a bot made it on the spot",
        answers={200: None},
        refuses={403: "`not_a_member`", 404: "`not_found`, `no_such_message`, `no_such_file`"},
        public=True,
    )
    def get(self, request: Request, uri: str, number: int) -> HttpResponseBase:
        name, content = document_of(readable(uri, reader(request)), number)
        return FileResponse(
            BytesIO(content.encode()),
            as_attachment=True,
            filename=name,
            content_type="application/octet-stream",
        )
