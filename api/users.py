"""`/api/users/`, `/api/me/` and `/api/devices/`: people, oneself and one's devices."""

from typing import Annotated

from django.contrib.auth import logout
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from api.resource import Query, Resource, device_of, query_as, signed_in, token_of
from api.schema import operation
from messaging.actions.accounts import reinstate_user, suspend_user
from messaging.actions.devices import revoke_device, revoke_other_devices
from messaging.commands import Line, ReinstateUser, SuspendUser
from messaging.events import Shape
from messaging.queries.devices import Device, devices_of
from messaging.queries.users import MAX_FOUND, Me, PeoplePage, account_named, me, people_matching

SearchText = Annotated[Line, Field(max_length=150)]


class PeopleQuery(Query):
    search: SearchText = Field(default="", description="How the username begins.")
    after: SearchText = Field(default="", description="`next` of the page before this one.")
    limit: Annotated[int, Field(ge=1, le=MAX_FOUND)] = 20


class Devices(Shape):
    devices: list[Device]


class SignedOut(Shape):
    """How many devices have been signed out."""

    signed_out: int


class Users(Resource):
    @operation("Find people by the beginning of their names", query=PeopleQuery, answers={200: PeoplePage})
    def get(self, request: Request) -> Response:
        query = query_as(request, PeopleQuery)
        return Response(people_matching(query.search, after=query.after, limit=query.limit))


class Suspension(Resource):
    @operation(
        "Silence somebody at once, everywhere (operators)",
        answers={204: None},
        refuses={403: "`not_an_operator`, `is_operator`", 404: "`no_such_person`"},
    )
    def post(self, request: Request, username: str) -> Response:
        operator = signed_in(request)
        command = SuspendUser(username=username)
        suspend_user(operator=operator, user=account_named(operator, command.username))
        return Response(status=204)


class Reinstatement(Resource):
    @operation(
        "Undo a suspension (operators)",
        answers={204: None},
        refuses={403: "`not_an_operator`", 404: "`no_such_person`"},
    )
    def post(self, request: Request, username: str) -> Response:
        operator = signed_in(request)
        command = ReinstateUser(username=username)
        reinstate_user(operator=operator, user=account_named(operator, command.username))
        return Response(status=204)


class OwnAccount(Resource):
    @operation("Oneself, and the thread one is in", answers={200: Me})
    def get(self, request: Request) -> Response:
        return Response(me(signed_in(request)))


class OwnDevices(Resource):
    @operation(
        "Where one is signed in: apps and programs by tokens, browsers by the pages' sessions",
        answers={200: Devices},
    )
    def get(self, request: Request) -> Response:
        return Response(Devices(devices=devices_of(signed_in(request), current=device_of(request))))

    @operation(
        "Sign out everywhere but here; live connections there close",
        answers={200: SignedOut},
    )
    def delete(self, request: Request) -> Response:
        count = revoke_other_devices(user=signed_in(request), current=device_of(request))
        return Response(SignedOut(signed_out=count))


class OwnDevice(Resource):
    @operation(
        "Sign one device out; its live connections close",
        answers={204: None},
        refuses={404: "`no_such_device`"},
    )
    def delete(self, request: Request, device_id: str) -> Response:
        is_here = device_id == device_of(request)
        revoke_device(user=signed_in(request), device_id=device_id)
        if is_here and token_of(request) is None:
            logout(request)
        return Response(status=204)
