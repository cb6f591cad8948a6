"""`/api/desk/chats/`: where operators watch the chats of contacts, and take them over from the bot."""

from collections.abc import Callable
from typing import Any

from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from api.resource import Paged, Resource, query_as, signed_in
from api.schema import operation
from messaging.actions.contacts import ban_contact, hand_back_contact, take_contact, unban_contact
from messaging.commands import Line
from messaging.queries.contacts import DeskChat, DeskPage, contact_of_desk_chat, desk, desk_chat

REFUSES = {403: "`not_an_operator`", 404: "`not_found`"}


class DeskQuery(Paged):
    before: Line = Field(
        default="",
        description="`next` of the page before this one.",
        json_schema_extra={"pattern": "^([0-9]{1,17}-[0-9]{1,18})?$"},
    )
    taken: bool | None = Field(
        default=None, description="Only chats that operators have taken, or only others."
    )
    waiting: bool | None = Field(
        default=None, description="Only chats whose contacts wait for a person, or only others."
    )
    mine: bool | None = Field(
        default=None, description="Only chats that the caller has taken, or only others."
    )


class Desk(Resource):
    @operation(
        "The chats of contacts, most recently active first (operators)",
        description="Subscribe to `desk` to hear of changes; a chat itself is followed, read and answered as any other.",
        query=DeskQuery,
        answers={200: DeskPage},
        refuses={403: "`not_an_operator`"},
    )
    def get(self, request: Request) -> Response:
        return Response(desk(signed_in(request), **dict(query_as(request, DeskQuery))))


class DeskChatDetail(Resource):
    @operation("One chat of a contact (operators)", answers={200: DeskChat}, refuses=REFUSES)
    def get(self, request: Request, uri: str) -> Response:
        return Response(desk_chat(signed_in(request), uri))


class DeskTaking(Resource):
    @operation(
        "Take the chat over: the bot is silent until it is handed back (operators)",
        answers={200: DeskChat},
        refuses=REFUSES | {409: "`taken_by_another`"},
    )
    def post(self, request: Request, uri: str) -> Response:
        return _do(request, uri, take_contact)


class DeskHandingBack(Resource):
    @operation("Let the bot answer again (operators)", answers={200: DeskChat}, refuses=REFUSES)
    def post(self, request: Request, uri: str) -> Response:
        return _do(request, uri, hand_back_contact)


class DeskBan(Resource):
    @operation(
        "Ban the contact: nothing they do is answered or kept (operators)",
        answers={200: DeskChat},
        refuses=REFUSES,
    )
    def post(self, request: Request, uri: str) -> Response:
        return _do(request, uri, ban_contact)

    @operation("Undo a ban (operators)", answers={200: DeskChat}, refuses=REFUSES)
    def delete(self, request: Request, uri: str) -> Response:
        return _do(request, uri, unban_contact)


def _do(request: Request, uri: str, action: Callable[..., Any]) -> Response:
    operator = signed_in(request)
    action(operator=operator, contact=contact_of_desk_chat(operator, uri))
    return Response(desk_chat(operator, uri))
