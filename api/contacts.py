"""`/api/me/contacts/`: who one is on bot platforms, by one-time codes in either direction."""

from rest_framework.request import Request
from rest_framework.response import Response

from api.resource import Resource, body_as, signed_in
from api.schema import body_of, operation
from messaging.actions.contacts import LINK_CODE_S, create_link_code, link_contact, unlink_contact
from messaging.commands import LinkContact
from messaging.events import Contact, Shape
from messaging.queries.contacts import linked_contacts


class LinkedContacts(Shape):
    contacts: list[Contact]


class LinkCodeShape(Shape):
    """Send `/start link_<code>` to a bot, or open the platform's deep link with `link_<code>` as its payload."""

    code: str
    expires_in_s: int = LINK_CODE_S


class OwnContacts(Resource):
    @operation("The contacts on bot platforms that are oneself", answers={200: LinkedContacts})
    def get(self, request: Request) -> Response:
        return Response(LinkedContacts(contacts=linked_contacts(signed_in(request))))

    @operation(
        "Link the contact to whom a bot gave this code with one's account",
        body=body_of(LinkContact),
        answers={200: LinkedContacts},
        refuses={404: "`no_such_code`"},
        example={"code": "aB3dE5gH7jK9mN1pQ3sT5vW7"},
    )
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        link_contact(user=user, code=body_as(request, LinkContact).code)
        return Response(LinkedContacts(contacts=linked_contacts(user)))


class OwnLinkCodes(Resource):
    @operation(
        "A code that links one's account with the contact who sends it to a bot", answers={201: LinkCodeShape}
    )
    def post(self, request: Request) -> Response:
        return Response(LinkCodeShape(code=create_link_code(user=signed_in(request))), status=201)


class OwnContact(Resource):
    @operation("Undo a link", answers={204: None}, refuses={404: "`no_such_contact`"})
    def delete(self, request: Request, contact_id: int) -> Response:
        unlink_contact(user=signed_in(request), contact=contact_id)
        return Response(status=204)
