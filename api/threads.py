"""`/api/threads/`: opening the thread with somebody."""

from rest_framework.request import Request
from rest_framework.response import Response

from api.resource import Resource, body_as, signed_in
from api.schema import body_of, operation
from messaging.actions.threads import open_thread
from messaging.commands import OpenThread
from messaging.queries.chats import ChatSummary, access_to_uri, chat_summary


class Threads(Resource):
    @operation(
        "The active thread with a person: the one there is (200), or a new one (201)",
        description="`thread_active` comes with the `uri` of the thread one is in; `thread_cooling` with `retry_after_s`.",
        body=body_of(OpenThread),
        answers={200: ChatSummary, 201: ChatSummary},
        refuses={404: "`no_such_person`", 409: "`thread_active`, `person_busy`, `thread_cooling`"},
        example={"username": "bob"},
    )
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        command = body_as(request, OpenThread)
        chat, is_new = open_thread(user=user, username=command.username)
        return Response(chat_summary(access_to_uri(chat.uri, user)), status=201 if is_new else 200)
