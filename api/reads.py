"""`/api/chats/<uri>/read/`: how far its members have read."""

from rest_framework.request import Request
from rest_framework.response import Response

from api.resource import Resource, SignedInOrFeed, body_as, reader, signed_in
from api.schema import body_of, operation
from messaging.actions.chats import mark_read
from messaging.commands import MarkRead
from messaging.events import Position, Shape
from messaging.queries.chats import read_marks, readable
from messaging.queries.positions import position_of


class ReadMarks(Shape):
    """The number of the last message read, by user id; not told in the feed, nor in large rooms."""

    marks: dict[int, int]
    position: Position


class ReadMark(Shape):
    number: int


class Read(Resource):
    permission_classes = [SignedInOrFeed]

    @operation(
        "How far the members have read",
        answers={200: ReadMarks},
        refuses={403: "`not_a_member`", 404: "`not_found`"},
        public=True,
    )
    def get(self, request: Request, uri: str) -> Response:
        chat = readable(uri, reader(request)).chat
        position = position_of(chat)
        return Response(ReadMarks(marks=read_marks([chat])[chat.pk], position=position))

    @operation(
        "Mark everything up to a number as read; a mark only rises",
        body=body_of(MarkRead, without=["chat"]),
        answers={200: ReadMark},
        refuses={403: "`not_a_member`", 404: "`not_found`"},
        example={"number": 17},
    )
    def post(self, request: Request, uri: str) -> Response:
        user = signed_in(request)
        command = body_as(request, MarkRead, chat=uri)
        return Response(ReadMark(number=mark_read(user=user, **command.model_dump())))
