"""`/api/chats/`: the list, creating a room, one chat, joining and changing a room, closing a thread."""

from collections.abc import Mapping
from typing import Literal

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
from api.schema import IDEMPOTENCY_KEY, body_of, either, operation
from messaging.actions.chats import add_member, change_room, create_room
from messaging.actions.threads import close_thread
from messaging.commands import AddMember, ChangeRoom, CloseThread, CreateRoom, Line, Username
from messaging.errors import Invalid
from messaging.events import Person, Shape
from messaging.queries.chats import (
    ChatPage,
    ChatSummary,
    RoomPreview,
    access_to_uri,
    chat_list,
    chat_summary,
    members_of,
    readable,
    room_preview,
)
from messaging.shapes import person


class ChatsQuery(Paged):
    before: Line = Field(
        default="",
        description="`next` of the page before this one.",
        json_schema_extra={"pattern": "^([0-9]{1,17}-[0-9]{1,18})?$"},
    )


class RoomCreated(Shape):
    """`chat` is null in the answer to a repeat whose sender has left the room meanwhile."""

    status: Literal["SUCCESS"] = "SUCCESS"
    uri: str
    message: str = "New chat session created"
    chat: ChatSummary | None


class Joined(Shape):
    """`members`: the owner first; at most the first 200, the others are under `/members/`."""

    status: Literal["SUCCESS"] = "SUCCESS"
    members: list[Person]
    message: str
    user: Person


JoinOrChange = either(
    "JoinOrChangeBody",
    body_of(AddMember, without=["chat"], name="InviteBody", username=Username),
    body_of(ChangeRoom, without=["chat"], may_be_empty=False),
)
JoinedOrChanged = either("JoinedOrChanged", Joined, ChatSummary)
ChatOrPreview = either("ChatOrPreview", ChatSummary, RoomPreview)


class Chats(Resource):
    @operation(
        "One's chats and the feed, most recently active first, with what is unread",
        query=ChatsQuery,
        answers={200: ChatPage},
    )
    def get(self, request: Request) -> Response:
        query = query_as(request, ChatsQuery)
        return Response(chat_list(signed_in(request), limit=query.limit, before=query.before))

    @operation(
        "Create a room",
        body=body_of(CreateRoom),
        headers=[IDEMPOTENCY_KEY],
        answers={201: RoomCreated},
        refuses={409: "`idempotency_mismatch`"},
        example={"name": "Poetry"},
    )
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        command = body_as(request, CreateRoom, **idempotency_key(request))
        chat = create_room(user=user, **command.model_dump())
        access = access_to_uri(chat.uri, user)
        return Response(
            RoomCreated(uri=chat.uri, chat=chat_summary(access) if access.reads else None), status=201
        )


class ChatDetail(Resource):
    permission_classes = [SignedInOrFeed]

    @operation(
        "One chat, or what the holder of a room's link may know of it",
        answers={200: ChatOrPreview},
        refuses={404: "`not_found`"},
        public=True,
    )
    def get(self, request: Request, uri: str) -> Response:
        access = access_to_uri(uri, reader(request))
        return Response(chat_summary(access) if access.reads else room_preview(access))

    @operation(
        "Join a room or invite somebody; or change a room",
        body=JoinOrChange,
        answers={200: JoinedOrChanged},
        refuses={
            403: "`not_a_member`, `not_the_owner`",
            404: "`not_found`, `no_such_person`",
            409: "`not_a_room`",
        },
        example={"username": "alex"},
    )
    def patch(self, request: Request, uri: str) -> Response:
        if isinstance(request.data, Mapping) and "username" in request.data:
            return Response(join(request, uri))
        command = body_as(request, ChangeRoom, chat=uri)
        if not command.model_fields_set - {"chat"}:
            raise Invalid("Say whom to add (`username`), or what to change (`name`, `link_open`).")
        user = signed_in(request)
        change_room(user=user, **command.model_dump())
        return Response(chat_summary(access_to_uri(uri, user)))


def join(request: Request, uri: str) -> Joined:
    user = signed_in(request)
    command = body_as(request, AddMember, chat=uri)
    chat, newcomer, _ = add_member(user=user, **command.model_dump())
    page = members_of(readable(chat.uri, user))
    return Joined(
        members=[member.user for member in page.members],
        message=f"{newcomer.username} joined that chat",
        user=person(newcomer, own=newcomer == user),
    )


class ClosedChat(Resource):
    @operation(
        "Close a thread, for both and for good; it stays readable",
        answers={200: ChatSummary},
        refuses={403: "`not_a_member`", 404: "`not_found`", 409: "`not_a_thread`"},
    )
    def post(self, request: Request, uri: str) -> Response:
        user = signed_in(request)
        command = body_as(request, CloseThread, chat=uri)
        close_thread(user=user, chat=command.chat)
        return Response(chat_summary(access_to_uri(uri, user)))
