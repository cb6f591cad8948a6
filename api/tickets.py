"""`/api/socket-tickets/`: what a page or an app opens a live connection with, without handing out its token."""

from rest_framework.request import Request
from rest_framework.response import Response

from api.resource import Resource, body_as, signed_in, token_of
from api.schema import operation
from messaging.actions.accounts import TICKET_LIFETIME, create_ticket
from messaging.commands import CreateTicket
from messaging.events import Shape


class TicketCreated(Shape):
    """`ticket` is the `token` of one `connect`."""

    ticket: str
    expires_in: int


class SocketTickets(Resource):
    @operation("Get a ticket that opens one live connection within a minute", answers={201: TicketCreated})
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        body_as(request, CreateTicket)
        token = token_of(request)
        session_key = None if token is not None else request.session.session_key
        ticket = create_ticket(user=user, token=token, session_key=session_key)
        return Response(
            TicketCreated(ticket=ticket, expires_in=int(TICKET_LIFETIME.total_seconds())), status=201
        )
