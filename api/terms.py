"""`/api/terms/`: the terms and the privacy text that hold here, and accepting them."""

from typing import Annotated

from pydantic import Field
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.resource import Query, Resource, body_as, query_as, reader, signed_in
from api.schema import body_of, operation
from messaging.actions.terms import accept_terms
from messaging.commands import AcceptTerms, Line
from messaging.events import Shape
from messaging.queries.terms import Terms, has_still_to_accept, terms_in_force


class TermsQuery(Query):
    language: Annotated[Line, Field(max_length=16, description="Such as `de`; else what there is.")] = "en"


class TermsInForce(Shape):
    """`to_accept`: a version has been published that one has not accepted yet: ask. Never so for nobody."""

    terms: Terms
    privacy: Terms
    to_accept: bool


class ReadByAnybody(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.method in SAFE_METHODS or request.user.is_authenticated


class TermsResource(Resource):
    permission_classes = [ReadByAnybody]

    @operation(
        "The terms and the privacy text that hold here",
        query=TermsQuery,
        answers={200: TermsInForce},
        public=True,
    )
    def get(self, request: Request) -> Response:
        languages, user = [query_as(request, TermsQuery).language], reader(request)
        return Response(
            TermsInForce(
                terms=terms_in_force("terms", languages),
                privacy=terms_in_force("privacy", languages),
                to_accept=user is not None and has_still_to_accept(user),
            )
        )

    @operation(
        "Accept them, in the versions that one was shown",
        body=body_of(AcceptTerms),
        answers={204: None},
        refuses={400: "`unknown_version`"},
    )
    def post(self, request: Request) -> Response:
        command = body_as(request, AcceptTerms)
        accept_terms(
            user=signed_in(request),
            terms=command.terms_version,
            privacy=command.privacy_version,
            door="rest",
        )
        return Response(status=204)
