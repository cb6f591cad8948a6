"""`/api/chats/<uri>/events/`: everything that happened in a chat since a position."""

from typing import Annotated

from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from api.rendering import already_encoded
from api.resource import Query, Resource, SignedInOrFeed, query_as, reader
from api.schema import operation
from messaging.commands import Line, Number
from messaging.errors import Conflict
from messaging.events import AnyEvent, Shape, complete
from messaging.queries.chats import readable
from messaging.queries.events import MAX_PAGE, events_after
from messaging.queries.positions import epoch


class EventsQuery(Query):
    after: Number = Field(default=0, description="The `seq` of one's position.")
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = MAX_PAGE
    epoch: Line | None = Field(default=None, description="The `epoch` of one's position.")


class EventHistory(Shape):
    """Events in order, and the position after them. `has_newer`: ask again from `seq`."""

    events: list[AnyEvent]
    epoch: str
    seq: int
    has_newer: bool


class Events(Resource):
    permission_classes = [SignedInOrFeed]

    @operation(
        "What happened since a position",
        description="409: this position cannot be gone on from; read the chat afresh.",
        query=EventsQuery,
        answers={200: EventHistory},
        refuses={
            403: "`not_a_member`",
            404: "`not_found`",
            409: "`epoch_changed`, `position_pruned`, `position_unknown`",
        },
        public=True,
    )
    def get(self, request: Request, uri: str) -> Response:
        query = query_as(request, EventsQuery)
        access = readable(uri, reader(request))
        if query.epoch is not None and query.epoch != (current := epoch()):
            raise Conflict(
                "Positions have begun anew: read the chat afresh.", code="epoch_changed", epoch=current
            )
        page = events_after(access, query.after, limit=query.limit)
        return Response(
            {
                "events": [already_encoded(complete(event)) for _, _, event in page.events],
                "epoch": page.epoch,
                "seq": page.seq,
                "has_newer": page.has_newer,
            }
        )
