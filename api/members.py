"""`/api/chats/<uri>/members/`: who is there, inviting, removing, leaving."""

from typing import Annotated

from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from api.chats import Joined, join
from api.resource import Query, Resource, SignedInOrFeed, query_as, reader, signed_in
from api.schema import body_of, operation
from messaging.actions.chats import leave_room, remove_member
from messaging.commands import AddMember, Number, RemoveMember
from messaging.queries.chats import MAX_MEMBERS_SHOWN, MemberPage, members_of, readable


class MembersQuery(Query):
    after: Number | None = Field(default=None, description="`next` of the page before this one.")
    limit: Annotated[int, Field(ge=1, le=MAX_MEMBERS_SHOWN)] = MAX_MEMBERS_SHOWN


class Members(Resource):
    permission_classes = [SignedInOrFeed]

    @operation(
        "The members, owner first. The feed has none",
        query=MembersQuery,
        answers={200: MemberPage},
        refuses={403: "`not_a_member`", 404: "`not_found`"},
        public=True,
    )
    def get(self, request: Request, uri: str) -> Response:
        query = query_as(request, MembersQuery)
        return Response(members_of(readable(uri, reader(request)), after=query.after, limit=query.limit))

    @operation(
        "Join by the link (no username, or one's own), or invite somebody",
        body=body_of(AddMember, without=["chat"]),
        answers={200: Joined},
        refuses={
            403: "`not_a_member`, `not_the_owner`",
            404: "`not_found`, `no_such_person`",
            409: "`not_a_room`",
        },
        example={"username": "alex"},
    )
    def post(self, request: Request, uri: str) -> Response:
        return Response(join(request, uri))


class MemberDetail(Resource):
    @operation(
        "Remove a member, or leave oneself",
        answers={204: None},
        refuses={
            403: "`not_a_member`, `not_the_owner`",
            404: "`not_found`, `no_such_member`",
            409: "`not_a_room`",
        },
    )
    def delete(self, request: Request, uri: str, username: str) -> Response:
        user = signed_in(request)
        command = RemoveMember(chat=uri, username=username)
        if command.username.casefold() == user.username.casefold():
            leave_room(user=user, chat=uri)
        else:
            remove_member(user=user, chat=uri, username=command.username)
        return Response(status=204)
